import { and, asc, count, eq, gt, inArray, isNotNull, isNull } from 'drizzle-orm';
import type { Reader } from '../../store/store.js';
import type { Secrets } from '../secrets.js';
import { erasedIdentity } from './counting-once.js';
import type { Drift } from './recount.js';

const AT_A_TIME = 10_000;

/**
 * Proves that a petition's confirmed signatures belong to as many people, erased ones included (a person is the keyed
 * hash of an address). It reads signers only where signatures of erased people count; elsewhere the unique index on
 * petition and supporter suffices. Safe to run while people sign.
 */
export async function recountPeople(on: Reader, secrets: Secrets): Promise<Drift[]> {
  const drifts: Drift[] = [];
  for (const [petitionKey, erased] of await countedTombstones(on)) {
    let twice = 0;
    for await (const signer of countedSigners(on, petitionKey)) {
      const tombstone = erased.get(erasedIdentity(secrets.subject(signer.identity)));
      if (tombstone !== undefined && (await bothCount(on, tombstone, signer.key))) twice += 1;
    }
    if (twice > 0) drifts.push(await driftOf(on, petitionKey, twice));
  }
  return drifts;
}

/** The counted signatures of erased people: by petition, then by the identity that replaced the address. */
async function countedTombstones({ db, tables }: Reader): Promise<Map<number, Map<string, number>>> {
  const { signatures: t, supporters } = tables;
  const rows = await db
    .select({ key: t.key, petitionKey: t.petitionKey, identity: supporters.identity })
    .from(supporters)
    .innerJoin(t, eq(t.supporterKey, supporters.key))
    .where(and(isNotNull(supporters.erasedAt), eq(t.status, 'confirmed')));
  const found = new Map<number, Map<string, number>>();
  for (const { key, petitionKey, identity } of rows) {
    const erased = found.get(petitionKey) ?? new Map<string, number>();
    found.set(petitionKey, erased.set(identity, key));
  }
  return found;
}

async function* countedSigners({ db, tables }: Reader, petitionKey: number) {
  const { signatures: t, supporters } = tables;
  for (let last = 0; ;) {
    const page = await db
      .select({ key: t.key, identity: supporters.identity })
      .from(t)
      .innerJoin(supporters, and(eq(supporters.key, t.supporterKey), isNull(supporters.erasedAt)))
      .where(and(eq(t.petitionKey, petitionKey), eq(t.status, 'confirmed'), gt(t.key, last)))
      .orderBy(asc(t.key))
      .limit(AT_A_TIME);
    yield* page;
    if (page.length < AT_A_TIME) return;
    last = page.at(-1)?.key ?? last;
  }
}

/**
 * Whether all of these count, read in one statement: they were found in different ones, and one may have changed since.
 */
async function bothCount({ db, tables: { signatures: t } }: Reader, ...keys: number[]): Promise<boolean> {
  const [row] = await db
    .select({ counting: count() })
    .from(t)
    .where(and(inArray(t.key, keys), eq(t.status, 'confirmed')));
  return row?.counting === keys.length;
}

async function driftOf({ db, tables }: Reader, petitionKey: number, twice: number): Promise<Drift> {
  const { signatures: t, petitions } = tables;
  const [row] = await db
    .select({ petitionId: petitions.publicId, confirmed: count() })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey))
    .where(and(eq(t.petitionKey, petitionKey), eq(t.status, 'confirmed')))
    .groupBy(petitions.publicId);
  const { petitionId = '', confirmed: counter = 0 } = row ?? {};
  return { petitionId, what: 'people', counter, rows: counter - twice };
}
