import { createHmac } from 'node:crypto';
import { and, asc, eq, gt, inArray, isNull, lte, sql } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { RecipientState } from '../../../schema/db/tables/sending.js';
import { ApiError } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import { insertMany, inParts } from '../bulk-insert.js';
import type { Context } from '../context.js';
import { readClause } from '../segments/clauses.js';
import { segmentCondition, subscribersOf } from '../segments/conditions.js';
import { familyOf } from './families.js';
import { moveTallies, readTallies, type Move } from './tallies.js';

/*
 * The audience of a mailing: those who were active subscribers when it was started, and whom its clause selects. It is
 * written in chunks, each with its cursor and its tallies in one transaction: whatever is killed goes on where it was.
 */

/** Subscriptions per chunk. */
const AT_A_TIME = 5000;

/** Buckets are shares in hundredths of a percent. */
const BUCKETS = 10_000;

type Mailing = Tables['mailings']['$inferSelect'] & { startedAt: Date };

/** Who gets what: the variants in order, and how many buckets the test has. */
type Split = { handle: Buffer; variants: readonly number[]; tested: number };

/**
 * Adds the next chunk of subscriptions to the audience of a mailing that is being built. Returns whether the audience is
 * complete, or the mailing is not being built. After the last chunk the mailing runs; with nobody to mail it is done.
 * Where the organization no longer sees what its clause names, such as after the end of a partnership, the mailing pauses:
 * such a condition selects nobody, so one that leaves people out would select everybody.
 *
 * Two processes may do it at once: one of them adds the chunk.
 */
export async function buildAudienceStep(ctx: Context, mailingKey: number): Promise<boolean> {
  const on = ctx.store.read;
  const mailing = await findBuilding(on, mailingKey);
  if (!mailing) return true;
  const end = await endOfChunk(on, mailing);
  const people = await readPeople(on, mailing, end);
  // Afterwards, so that it held when they were read.
  if (!(await isUsable(on, mailing))) {
    await ctx.store.transact((tx) => pauseBuilding(tx, mailingKey));
    return true;
  }
  const blocked = await blockedAmong(ctx, people);
  const split = await splitOf(on, mailing);
  const recipients = people.map((person) => ({
    ...placeOf(split, person.handle),
    subscriptionKey: person.key,
    family: familyOf(person.email.slice(person.email.lastIndexOf('@') + 1).toLowerCase()),
    isBlocked: blocked.has(person.key),
  }));
  return ctx.store.transact((tx) => addChunk(tx, mailing, end, recipients));
}

async function findBuilding(
  { db, tables: { mailings: t } }: Reader,
  key: number,
): Promise<Mailing | undefined> {
  const [row] = await db
    .select()
    .from(t)
    .where(and(eq(t.key, key), eq(t.state, 'building')));
  if (!row) return undefined;
  if (!row.startedAt) throw new Error('a mailing is being built that was not started');
  return { ...row, startedAt: row.startedAt };
}

/** The subscriptions that the next chunk looks at, up to `end`; undefined: all that are left. */
function rangeOf(on: Reader, { organizationKey, builtTo, startedAt }: Mailing, end: number | undefined) {
  const { subscriptions: t } = on.tables;
  return and(
    subscribersOf(on, organizationKey),
    gt(t.key, builtTo ?? 0),
    end === undefined ? undefined : lte(t.key, end),
    sql`coalesce(${t.activeSince}, ${t.createdAt}) <= ${sql.param(startedAt, t.createdAt)}`,
  );
}

async function endOfChunk(on: Reader, mailing: Mailing): Promise<number | undefined> {
  const { subscriptions: t } = on.tables;
  const [row] = await on.db
    .select({ key: t.key })
    .from(t)
    .where(rangeOf(on, mailing, undefined))
    .orderBy(asc(t.key))
    .limit(1)
    .offset(AT_A_TIME - 1);
  return row?.key;
}

async function isUsable(on: Reader, { organizationKey, clause }: Mailing): Promise<boolean> {
  if (clause === null) return true;
  try {
    await readClause(on, { organizationKey }, clause, '');
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'invalid_body') return false;
    throw error;
  }
}

/** What is in the audience stays: resumed, it is built on from there. */
async function pauseBuilding(tx: Tx, mailingKey: number): Promise<void> {
  const { mailings: t } = tx.tables;
  await tx.db
    .update(t)
    .set({ state: 'paused', pausedFrom: 'building', pauseReason: 'segment_unusable', updatedAt: tx.now })
    .where(and(eq(t.key, mailingKey), eq(t.state, 'building')));
}

async function readPeople(on: Reader, mailing: Mailing, end: number | undefined) {
  const { subscriptions: t, supporters } = on.tables;
  const { organizationKey, clause, startedAt } = mailing;
  return on.db
    .select({ key: t.key, handle: t.handle, identity: supporters.identity, email: supporters.delivery })
    .from(t)
    .innerJoin(supporters, eq(supporters.key, t.supporterKey))
    .where(and(rangeOf(on, mailing, end), await segmentCondition(on, organizationKey, clause, startedAt)));
}

type Person = Awaited<ReturnType<typeof readPeople>>[number];

/** The subscriptions whose addresses must not be mailed: found by keyed hash, which the database cannot compute. */
async function blockedAmong({ store, secrets }: Context, people: readonly Person[]): Promise<Set<number>> {
  const { doNotContact: t } = store.tables;
  const blocked = new Set<number>();
  for (const some of inParts(people)) {
    const keys = new Map(some.map(({ key, identity }) => [secrets.subject(identity).toString('hex'), key]));
    const hashes = [...keys.keys()].map((hash) => Buffer.from(hash, 'hex'));
    const found = await store.read.db.select({ hash: t.hash }).from(t).where(inArray(t.hash, hashes));
    for (const { hash } of found) blocked.add(keys.get(hash.toString('hex')) ?? 0);
  }
  return blocked;
}

async function splitOf({ db, tables }: Reader, { key, handle, testShare }: Mailing): Promise<Split> {
  const { mailingVariants: t } = tables;
  const rows = await db.select({ key: t.key }).from(t).where(eq(t.mailingKey, key)).orderBy(asc(t.position));
  const tested = rows.length > 1 ? (BUCKETS * testShare) / 100 : BUCKETS;
  return { handle, variants: rows.map((row) => row.key), tested };
}

/**
 * Test and variant of a person follow from a hash of mailing and person alone: so the shares are equal in any chunk, and
 * do not depend on the order in which people are mailed.
 */
export function placeOf({ handle, variants, tested }: Split, subscription: Buffer) {
  const bucket = createHmac('sha256', handle).update(subscription).digest().readUInt32BE(0) % BUCKETS;
  const isTested = bucket < tested;
  const variantKey = isTested ? variants[Math.floor((bucket * variants.length) / tested)] : null;
  if (variantKey === undefined) throw new Error('a mailing was started that has no variant');
  return { bucket, wave: isTested ? 0 : 1, variantKey };
}

type Recipient = ReturnType<typeof placeOf> & { subscriptionKey: number; family: string; isBlocked: boolean };

const insertRecipients = insertMany(
  'mailing_recipients_insert',
  [
    'mailingKey',
    'supporterKey',
    'subscriptionKey',
    'bucket',
    'wave',
    'variantKey',
    'state',
    'reason',
    'family',
    'settledAt',
  ],
  ({ mailingRecipients }) => mailingRecipients,
  // A merge may have given a subscription that is still ahead the place of the one it has replaced.
  ({ db, tables: { mailingRecipients: t } }, rows) =>
    db.insert(t).values(rows).onConflictDoNothing().returning({ variantKey: t.variantKey, state: t.state }),
);

/** Whether the audience is complete now. */
async function addChunk(
  tx: Tx,
  mailing: Mailing,
  end: number | undefined,
  recipients: readonly Recipient[],
): Promise<boolean> {
  if (!(await moveCursor(tx, mailing, end))) return false;
  const { subscriptions: t } = tx.tables;
  // Some may have been erased or merged since they were read.
  const present = await tx.db
    .select({ key: t.key, supporterKey: t.supporterKey })
    .from(t)
    .where(rangeOf(tx, mailing, end));
  const supporters = new Map(present.map(({ key, supporterKey }) => [key, supporterKey]));
  const mailingKey = mailing.key;
  const rows = recipients.flatMap(({ isBlocked, ...recipient }) => {
    const supporterKey = supporters.get(recipient.subscriptionKey);
    if (supporterKey === undefined) return [];
    const state: RecipientState = isBlocked ? 'skipped' : 'queued';
    const reason = isBlocked ? 'do_not_contact' : null;
    return [{ ...recipient, mailingKey, supporterKey, state, reason, settledAt: isBlocked ? tx.now : null }];
  });
  const added = await insertRecipients(tx, rows);
  const moves = added.map(({ variantKey, state }): Move => ({
    mailingKey,
    from: null,
    to: { variantKey, state },
    recipients: 1,
  }));
  await moveTallies(tx, moves);
  if (end !== undefined) return false;
  await finish(tx, mailingKey);
  return true;
}

/** False: another process has added the chunk, or the mailing is no longer being built. */
async function moveCursor(tx: Tx, { key, builtTo }: Mailing, end: number | undefined): Promise<boolean> {
  const { mailings: t } = tx.tables;
  const moved = await tx.db
    .update(t)
    .set({ builtTo: end ?? builtTo })
    .where(
      and(
        eq(t.key, key),
        eq(t.state, 'building'),
        builtTo === null ? isNull(t.builtTo) : eq(t.builtTo, builtTo),
      ),
    )
    .returning({ key: t.key });
  return moved.length > 0;
}

async function finish(tx: Tx, mailingKey: number): Promise<void> {
  const { mailings: t } = tx.tables;
  const waits = (await readTallies(tx, mailingKey)).some(
    ({ state, recipients }) => state === 'queued' && recipients > 0,
  );
  await tx.db
    .update(t)
    .set(waits ? { state: 'running' } : { state: 'done', finishedAt: tx.now })
    .where(eq(t.key, mailingKey));
}
