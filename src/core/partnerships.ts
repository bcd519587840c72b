import { and, asc, eq } from 'drizzle-orm';
import { bind, statement, type Reader, type Tx } from '../store/store.js';

const acceptedPartners = statement('partners_accepted', ({ db, tables: { partnerships: t } }: Reader) =>
  db
    .select({ organizationKey: t.organizationKey })
    .from(t)
    .where(and(eq(t.petitionKey, bind(t.petitionKey, 'petitionKey')), eq(t.status, 'accepted')))
    .orderBy(asc(t.key)),
);

/** The organizations that have accepted to be partners of a petition, the oldest partnership first. */
export async function partnerKeysOf(on: Reader | Tx, petitionKey: number): Promise<number[]> {
  const memo = 'memo' in on ? on.memo : undefined;
  const name = `partners of ${petitionKey}`;
  const known = memo?.get(name) as number[] | undefined;
  if (known) return known;
  const keys = (await acceptedPartners(on, { petitionKey })).map((row) => row.organizationKey);
  memo?.set(name, keys);
  return keys;
}
