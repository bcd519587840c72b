import { and, asc, eq, gt, inArray, isNotNull, isNull, lte, notExists, or, sql, type SQL } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Reader } from '../../store/store.js';
import { inParts } from '../bulk-insert.js';
import { nextLoopTurn } from '../one-per-turn.js';
import { termsOf } from '../partners/partner-terms.js';
import type { Terms } from '../partners/partner-terms.js';
import { entryOf, type Entry, type ToldFields } from './entries.js';

/*
 * The signatures of a delivery: those that counted at its cut and still do. They are read in slices, in the order of a key
 * that only grows, without a transaction that stays open.
 */

export type Delivery = Tables['deliveries']['$inferSelect'];

/** What of a delivery says which signatures are in it, and how they are shown. */
export type Cut = Pick<Delivery, 'petitionKey' | 'organizationKey' | 'cutAt' | 'columns'> & {
  /** The deliveries that it continues, the latest first: their keys. Their lines are not in it again. */
  chain: readonly number[];
};

/** Rows per read: on SQLite other requests wait for it, for a few milliseconds. */
const SLICE = 500;

/** The most deliveries that continue one another. */
const LONGEST_CHAIN = 1000;

/** The deliveries that one continues, itself first, by their keys. */
export async function chainOf(on: Reader, latest: number | null): Promise<number[]> {
  const { deliveries: t } = on.tables;
  const chain: number[] = [];
  for (let key = latest; key !== null && chain.length < LONGEST_CHAIN;) {
    chain.push(key);
    const [row] = await on.db.select({ afterKey: t.afterKey }).from(t).where(eq(t.key, key));
    key = row?.afterKey ?? null;
  }
  return chain;
}

export type CutReading = { on: Reader; cut: Cut; told: ToldFields };

/** All signatures of a cut in slices, those without a line included. */
export async function* readCut({ on, cut, told }: CutReading): AsyncGenerator<Entry[], void, undefined> {
  const terms = await termsOf(on, cut.petitionKey);
  for (let edge = 0; ;) {
    await nextLoopTurn();
    const { entries, next } = await readSlice({ on, cut, told }, terms, edge);
    if (entries.length > 0) yield entries;
    if (next === undefined) return;
    edge = next;
  }
}

/** One signature as a cut shows it now; undefined: it does not count, or has no line. */
export async function readEntry(reading: CutReading, signatureKey: number): Promise<Entry | undefined> {
  return (await readEntries(reading, [signatureKey])).get(signatureKey);
}

/** Signatures as a cut shows them now, by their keys; those that do not count are missing. */
export async function readEntries(
  reading: CutReading,
  signatureKeys: readonly number[],
): Promise<Map<number, Entry>> {
  const { on, cut, told } = reading;
  const { signatures: t } = on.tables;
  const terms = await termsOf(on, cut.petitionKey);
  const showing = { leadKey: cut.organizationKey, terms, told, columns: cut.columns };
  const found = new Map<number, Entry>();
  for (const some of inParts(signatureKeys)) {
    const rows = await selectRows(on).where(
      and(inArray(t.key, [...some]), eq(t.petitionKey, cut.petitionKey), eq(t.status, 'confirmed')),
    );
    for (const row of rows) found.set(row.key, entryOf(row, showing));
  }
  return found;
}

/** The first lines of a cut, in the order of signing. */
export async function firstEntries(reading: CutReading, most: number): Promise<Entry[]> {
  const terms = await termsOf(reading.on, reading.cut.petitionKey);
  const found: Entry[] = [];
  for (let edge = 0; found.length < most;) {
    const { entries, next } = await readSlice(reading, terms, edge);
    found.push(...entries.filter(({ line }) => line !== undefined));
    if (next === undefined) break;
    edge = next;
    await nextLoopTurn();
  }
  return found.slice(0, most);
}

/** `next`: where to go on; undefined: there are no more. */
async function readSlice(
  { on, cut, told }: CutReading,
  terms: Terms,
  edge: number,
): Promise<{ entries: Entry[]; next: number | undefined }> {
  const { signatures: t } = on.tables;
  // Those of earlier deliveries are read, too, and left out here: to pass over a million of them would be one long read.
  const rows = await selectRows(on, isNew(on, cut.chain))
    .where(
      and(
        eq(t.petitionKey, cut.petitionKey),
        eq(t.status, 'confirmed'),
        gt(t.key, edge),
        or(lte(t.confirmedAt, cut.cutAt), and(isNull(t.confirmedAt), lte(t.createdAt, cut.cutAt))),
      ),
    )
    .orderBy(asc(t.key))
    .limit(SLICE);
  const showing = { leadKey: cut.organizationKey, terms, told, columns: cut.columns };
  return {
    entries: rows.filter((row) => row.isNew === 1).map((row) => entryOf(row, showing)),
    next: rows.length < SLICE ? undefined : rows.at(-1)?.key,
  };
}

const selectRows = ({ db, tables }: Reader, isNew: SQL = sql`1 = 1`) => {
  const { signatures: t, organizations } = tables;
  return db
    .select({
      key: t.key,
      publicId: t.publicId,
      name: t.name,
      display: t.display,
      hidden: t.hidden,
      country: t.country,
      comment: t.comment,
      postalCode: t.postalCode,
      postalAddress: t.postalAddress,
      createdAt: t.createdAt,
      importKey: t.importKey,
      apiKeyKey: t.apiKeyKey,
      collectorKey: t.collectorKey,
      collector: organizations.name,
      isNew: sql<number>`case when ${isNew} then 1 else 0 end`.mapWith(Number),
    })
    .from(t)
    .leftJoin(organizations, eq(organizations.key, t.collectorKey));
};

/** Whether a signature is on no line of the chain, or its line was struck there or will be now. */
function isNew({ db, tables }: Reader, chain: readonly number[]): SQL | undefined {
  if (chain.length === 0) return undefined;
  const { deliveryLines: l, signatures: t } = tables;
  const lines = db
    .select({ number: l.number })
    .from(l)
    .where(
      and(
        eq(l.signatureKey, t.key),
        inArray(l.deliveryKey, [...chain]),
        or(isNotNull(l.salt), isNull(t.supporterKey)),
        holds({ db, tables }, chain),
      ),
    );
  return notExists(lines);
}

/** Whether no delivery of the chain has struck a line. */
function holds({ db, tables }: Reader, chain: readonly number[]): SQL {
  const { deliveryLines: l, deliveryStrikes: s } = tables;
  return notExists(
    db
      .select({ number: s.number })
      .from(s)
      .where(
        and(inArray(s.deliveryKey, [...chain]), eq(s.earlierKey, l.deliveryKey), eq(s.number, l.number)),
      ),
  );
}

/** A line of an earlier delivery that no longer holds. */
export type Strike = { earlierKey: number; number: number };

/**
 * The lines of the chain that hold no longer: their signatures were withdrawn or taken out, or their signers were erased.
 * Those that retention has emptied do hold.
 */
export async function* readStrikes(on: Reader, { chain }: Cut): AsyncGenerator<Strike[], void, undefined> {
  const { deliveryLines: l, signatures: t } = on.tables;
  const gone = sql`(${t.status} <> 'confirmed' or (${l.salt} is null and ${t.supporterKey} is not null))`;
  for (const earlierKey of chain) {
    for (let edge = 0; ;) {
      await nextLoopTurn();
      // All lines are read and those that hold left out here, so that each read is short.
      const rows = await on.db
        .select({ number: l.number, gone: sql<number>`case when ${gone} then 1 else 0 end`.mapWith(Number) })
        .from(l)
        .innerJoin(t, eq(t.key, l.signatureKey))
        .where(and(eq(l.deliveryKey, earlierKey), gt(l.number, edge), holds(on, chain)))
        .orderBy(asc(l.number))
        .limit(SLICE);
      const struck = rows.filter((row) => row.gone === 1).map(({ number }) => ({ earlierKey, number }));
      if (struck.length > 0) yield struck;
      if (rows.length < SLICE) break;
      edge = rows.at(-1)?.number ?? edge;
    }
  }
}
