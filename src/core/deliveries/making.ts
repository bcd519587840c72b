import { and, asc, eq, exists, inArray, isNull, lte, or, sql } from 'drizzle-orm';
import type { DELIVERY_FAILURES, StoredFile, TIMESTAMPS } from '../../../schema/db/tables/deliveries.js';
import type { Reader, Store, Tx } from '../../store/store.js';
import { insertMany } from '../bulk-insert.js';
import type { Context } from '../context.js';
import { deleteInSteps } from '../in-steps.js';
import { findLead } from '../petitions/lead.js';
import type { PetitionRow } from '../petitions/petition-rules.js';
import { chainOf, readCut, readStrikes, type Cut, type Delivery, type Strike } from './cut.js';
import type { Entry } from './entries.js';
import { mailDelivery } from './mailing-it.js';
import { readBesides, readWeeded, Tally, type Tallied } from './tally.js';
import { toldBy } from './told.js';

/*
 * The making of a delivery's files, as far as the database has a part in it. One process at a time makes them: it holds a
 * lease, and each claim raises `attempts`, so that one that comes too late changes nothing.
 */

const MOST_LAPSES = 5;

/** Takes a delivery whose files are to be made, for `leaseMs`; undefined: there is none. */
export const claimDelivery = (store: Store, leaseMs: number): Promise<Delivery | undefined> =>
  store.transact(async ({ db, tables: { deliveries: t }, now }) => {
    const isFree = and(eq(t.state, 'preparing'), or(isNull(t.leaseUntil), lte(t.leaseUntil, now)));
    const next = db.select({ key: t.key }).from(t).where(isFree).orderBy(asc(t.key)).limit(1);
    const [claimed] = await db
      .update(t)
      .set({
        leaseUntil: new Date(now.getTime() + leaseMs),
        attempts: sql`${t.attempts} + 1`,
        lapses: sql`case when ${t.leaseUntil} is null then 0 else ${t.lapses} + 1 end`,
      })
      .where(and(inArray(t.key, next), isFree))
      .returning();
    return claimed;
  });

/** Whether the lease is still ours, which is renewed. False: it was cancelled, or another process makes it. */
export const renewClaim = (store: Store, claim: Claim, leaseMs: number): Promise<boolean> =>
  store.transact(async ({ db, tables: { deliveries: t }, now }) => {
    const rows = await db
      .update(t)
      .set({ leaseUntil: new Date(now.getTime() + leaseMs) })
      .where(isOurs(t, claim))
      .returning({ key: t.key });
    return rows.length > 0;
  });

type Claim = Pick<Delivery, 'key' | 'attempts'>;

const isOurs = (t: Tx['tables']['deliveries'], { key, attempts }: Claim) =>
  and(eq(t.key, key), eq(t.attempts, attempts), eq(t.state, 'preparing'));

export const triedTooOften = ({ lapses }: Pick<Delivery, 'lapses'>): boolean => lapses >= MOST_LAPSES;

/** It was cancelled, or another process makes it now. */
export class Overtaken extends Error {}

/** What a delivery is made of, besides its lines. */
export type Making = {
  delivery: Delivery;
  petition: PetitionRow;
  /** Its statements in other languages, as far as somebody has signed them. */
  translated: { locale: string; statement: string }[];
  organization: string;
  after: { publicId: string; root: string | null } | null;
  /** Ids of the deliveries that it continues, by their keys. */
  chain: ReadonlyMap<number, string>;
  entries: () => AsyncGenerator<Entry[], void, undefined>;
  strikes: () => AsyncGenerator<Strike[], void, undefined>;
  tally: Tally;
  /** The sums of what the tally was given. */
  tallied: (struck: number) => Promise<Tallied>;
  weeded: Delivery['weeded'];
};

/** Undefined: the petition is gone. */
export async function beginMaking(ctx: Context, delivery: Delivery): Promise<Making | undefined> {
  const on = ctx.store.read;
  const { petitions: p, deliveries: t } = on.tables;
  const [petition] = await on.db.select().from(p).where(eq(p.key, delivery.petitionKey));
  if (!petition) return undefined;
  const keys = await chainOf(on, delivery.afterKey);
  const rows =
    keys.length === 0
      ? []
      : await on.db
          .select({ key: t.key, publicId: t.publicId, root: t.root })
          .from(t)
          .where(inArray(t.key, keys));
  const cut: Cut = { ...delivery, chain: keys };
  const tally = new Tally();
  const told = await toldBy(on, petition);
  await forgetAttempt(ctx.store, delivery.key);
  return {
    delivery,
    petition,
    translated: await signedTexts(on, petition.key),
    organization: (await findLead(on, petition)).name,
    after: rows.find(({ key }) => key === delivery.afterKey) ?? null,
    chain: new Map(rows.map(({ key, publicId }) => [key, publicId])),
    entries: () => readCut({ on, cut, told }),
    strikes: () => readStrikes(on, cut),
    tally,
    tallied: async (struck) => tally.end(await readBesides(on, cut, struck)),
    weeded: await readWeeded(on, cut),
  };
}

function signedTexts({ db, tables }: Reader, petitionKey: number): PromiseLike<Making['translated']> {
  const { petitionTranslations: t, signatures: s } = tables;
  const signed = db
    .select({ key: s.key })
    .from(s)
    .where(and(eq(s.translationKey, t.key), eq(s.status, 'confirmed')));
  return db
    .select({ locale: t.locale, statement: t.statement })
    .from(t)
    .where(and(eq(t.petitionKey, petitionKey), exists(signed)))
    .orderBy(asc(t.locale));
}

/** Removes the lines that an earlier attempt has stored. */
async function forgetAttempt(store: Store, deliveryKey: number): Promise<void> {
  const { deliveryLines: l, deliveryStrikes: s } = store.tables;
  await deleteInSteps(store, (db, most) => {
    const some = db.select({ number: l.number }).from(l).where(eq(l.deliveryKey, deliveryKey)).limit(most);
    return db
      .delete(l)
      .where(and(eq(l.deliveryKey, deliveryKey), inArray(l.number, some)))
      .returning({ number: l.number });
  });
  await store.transact(({ db }) => db.delete(s).where(eq(s.deliveryKey, deliveryKey)));
}

const insertLines = insertMany(
  'delivery_lines_insert',
  ['deliveryKey', 'number', 'signatureKey', 'said', 'salt'],
  ({ deliveryLines }) => deliveryLines,
  ({ db, tables: { deliveryLines } }, rows) =>
    db.insert(deliveryLines).values(rows).returning({ number: deliveryLines.number }),
);

const insertStrikes = insertMany(
  'delivery_strikes_insert',
  ['deliveryKey', 'earlierKey', 'number'],
  ({ deliveryStrikes }) => deliveryStrikes,
  ({ db, tables: { deliveryStrikes } }, rows) =>
    db.insert(deliveryStrikes).values(rows).returning({ number: deliveryStrikes.number }),
);

export type PlacedLine = {
  number: number;
  signatureKey: number;
  said: Buffer;
  salt: Buffer;
};

/** Remembers which signature is on which line. A signer who was erased since then has no salt. Throws `Overtaken`. */
export const storeLines = (store: Store, claim: Claim, lines: readonly PlacedLine[]): Promise<unknown> =>
  store.transact(async (tx) => {
    const { signatures: t } = tx.tables;
    await assertOurs(tx, claim);
    const keys = lines.map(({ signatureKey }) => signatureKey);
    const erased = new Set<number>();
    for (let at = 0; at < keys.length; at += 500) {
      const rows = await tx.db
        .select({ key: t.key })
        .from(t)
        .where(and(inArray(t.key, keys.slice(at, at + 500)), eq(t.name, '')));
      for (const row of rows) erased.add(row.key);
    }
    await insertLines(
      tx,
      lines.map(({ number, signatureKey, said, salt }) => ({
        deliveryKey: claim.key,
        number,
        signatureKey,
        said,
        salt: erased.has(signatureKey) ? null : salt,
      })),
    );
  });

/** Throws `Overtaken`. */
export const storeStrikes = (store: Store, claim: Claim, strikes: readonly Strike[]): Promise<unknown> =>
  store.transact(async (tx) => {
    await assertOurs(tx, claim);
    await insertStrikes(
      tx,
      strikes.map((strike) => ({ ...strike, deliveryKey: claim.key })),
    );
  });

/** Holds the row, so that nobody else claims it before the commit. */
async function assertOurs({ db, tables: { deliveries: t } }: Tx, claim: Claim): Promise<void> {
  const rows = await db
    .update(t)
    .set({ attempts: claim.attempts })
    .where(isOurs(t, claim))
    .returning({ key: t.key });
  if (rows.length === 0) throw new Overtaken();
}

export type Made = Tallied & {
  files: StoredFile[];
  weeded: Delivery['weeded'];
  root: string;
  manifest: string;
  manifestSha256: string;
  signature: string;
  keyId: string;
  timestamp: (typeof TIMESTAMPS)[number];
};

/**
 * The files are there: it is ready, or sent at once if that is what it was made anew for. Returns false if it was cancelled
 * or claimed by another process meanwhile; then the files must go.
 */
export async function completeDelivery(ctx: Context, claim: Claim, made: Made): Promise<boolean> {
  const done = await ctx.store.transact(async (tx) => {
    const { deliveries: t } = tx.tables;
    const [row] = await tx.db
      .update(t)
      .set({
        ...made,
        state: 'ready',
        edition: claim.attempts,
        readyAt: tx.now,
        filesDeletedAt: null,
        leaseUntil: null,
        lapses: 0,
        failure: null,
        updatedAt: tx.now,
      })
      .where(isOurs(t, claim))
      .returning();
    if (row?.sending) await mailDelivery(tx, row, row.sending);
    return row !== undefined;
  });
  ctx.mailWaits();
  return done;
}

/** It cannot be made. */
export const failDelivery = (
  store: Store,
  claim: Claim,
  failure: (typeof DELIVERY_FAILURES)[number],
): Promise<unknown> =>
  store.transact(({ db, tables: { deliveries: t }, now }) =>
    db
      .update(t)
      .set({ state: 'failed', failure, leaseUntil: null, sending: null, updatedAt: now })
      .where(isOurs(t, claim)),
  );

/** What may become of a folder: it is `kept`, only its `tree` is, or it goes. */
export type Fate = 'kept' | 'tree' | 'goes';

/**
 * What becomes of the folder of an attempt. Kept are the files that were made last, until `before`, and those that are being
 * made. Whatever else lies there was left by a process that was killed, or overtaken.
 */
export async function fateOf(on: Reader, publicId: string, attempt: number, before: Date): Promise<Fate> {
  const { deliveries: t } = on.tables;
  const [row] = await on.db.select().from(t).where(eq(t.publicId, publicId));
  if (!row) return 'goes';
  if (row.state === 'preparing' && row.attempts === attempt) return 'kept';
  if (row.edition !== attempt) return 'goes';
  if (row.state === 'preparing') return 'kept';
  const since = row.sentAt ?? row.readyAt;
  const isOver = row.filesDeletedAt !== null || (since !== null && since < before);
  return isOver || ['cancelled', 'failed'].includes(row.state) ? 'tree' : 'kept';
}

export const recordFilesDeleted = (store: Store, publicId: string): Promise<unknown> =>
  store.transact(({ db, tables: { deliveries: t }, now }) =>
    db
      .update(t)
      .set({ filesDeletedAt: now })
      .where(and(eq(t.publicId, publicId), isNull(t.filesDeletedAt))),
  );
