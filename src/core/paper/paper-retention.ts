import { and, count, eq, inArray, ne } from 'drizzle-orm';
import type { Store } from '../../store/store.js';

/* Retention of paper signatures: what is left of them at the end of the petition's period. */

const ANONYMISED = {
  name: '',
  givenName: null,
  familyName: null,
  country: null,
  postalCode: null,
  postalAddress: null,
  phone: null,
  comment: null,
  display: 'anonymous',
  sheet: null,
  externalId: null,
  person: null,
  reason: null,
} as const;

/** How many paper signatures of a petition still name somebody. */
export async function countNamedPaper({ read }: Store, petitionKey: number): Promise<number> {
  const { paperSignatures: t } = read.tables;
  const [row] = await read.db
    .select({ named: count() })
    .from(t)
    .where(and(eq(t.petitionKey, petitionKey), ne(t.name, '')));
  return row?.named ?? 0;
}

/** Anonymises at most `most` paper signatures of a petition, which still count. Returns how many. */
export const anonymisePaper = (store: Store, petitionKey: number, most: number): Promise<number> =>
  store.transact(async (tx) => {
    const { paperSignatures: t } = tx.tables;
    const some = tx.db
      .select({ key: t.key })
      .from(t)
      .where(and(eq(t.petitionKey, petitionKey), ne(t.name, '')))
      .limit(most);
    const done = await tx.db.update(t).set(ANONYMISED).where(inArray(t.key, some)).returning({ key: t.key });
    return done.length;
  });
