import { and, eq, inArray } from 'drizzle-orm';
import type { RecipientState } from '../../../schema/db/tables/sending.js';
import type { Tx } from '../../store/store.js';
import { HOUR_MS, MINUTE_MS } from '../../time.js';
import { inParts } from '../bulk-insert.js';
import { countOutcome } from '../counts/mailing-counts.js';
import type { Claimed, Claimer, Lease } from './claims.js';
import { noteReplies, returnTokens, type MailReply } from './pace.js';
import { moveTallies, type Move } from './tallies.js';
import type { SkipReason } from './wire-check.js';

/* What becomes of claimed recipients. Many together share a few statements. */

/** The waits after temporary refusals, about a day in all; then it is given up. */
export const RETRY_MS = [2, 5, 15, 30, 60, 120, 240, 480, 480].map((minutes) => minutes * MINUTE_MS);
/** How much sooner or later, at most. */
const JITTER = 0.2;

type Change = {
  from: RecipientState;
  to: RecipientState;
  owner?: Buffer;
  set: {
    reason?: string | null;
    dueAt?: Date | null;
    owner?: Buffer | null;
    settledAt?: Date;
    attempts?: number;
    result?: 'bounced';
    resultAt?: Date;
  };
};

/** Changes recipients that are still in the state `from`, and still this process's. Returns the keys of those changed. */
async function change(
  tx: Tx,
  mailingKey: number,
  rows: readonly Claimed[],
  { from, to, owner, set }: Change,
  moves: Move[],
): Promise<Set<number>> {
  const { mailingRecipients: t } = tx.tables;
  const changed = new Set<number>();
  for (const part of inParts(rows)) {
    const keys = part.map(({ key }) => key);
    const found = await tx.db
      .update(t)
      .set({ state: to, ...set })
      .where(and(inArray(t.key, keys), eq(t.state, from), owner && eq(t.owner, owner)))
      .returning({ key: t.key });
    for (const { key } of found) changed.add(key);
  }
  const variants = new Map(rows.map(({ key, variantKey }) => [key, variantKey]));
  for (const key of changed) {
    const variantKey = variants.get(key) ?? null;
    moves.push({
      mailingKey,
      from: { variantKey, state: from },
      to: { variantKey, state: to },
      recipients: 1,
    });
  }
  return changed;
}

/**
 * Commits that mails to these people are about to be sent: from now on, a process that dies leaves them `uncertain`.
 * Returns the keys of those that are still this process's; nothing may be sent to others.
 */
export async function beginSending(
  tx: Tx,
  mailingKey: number,
  rows: readonly Claimed[],
  { owner, leaseMs }: Lease,
): Promise<Set<number>> {
  const moves: Move[] = [];
  const dueAt = new Date(tx.now.getTime() + leaseMs);
  const changed = await change(
    tx,
    mailingKey,
    rows,
    { from: 'claimed', to: 'sending', owner, set: { dueAt } },
    moves,
  );
  await moveTallies(tx, moves);
  return changed;
}

/** Leaves people out, each for a reason. */
export async function skip(
  tx: Tx,
  claimer: Claimer,
  skipped: readonly { claimed: Claimed; reason: SkipReason }[],
  owner: Buffer,
): Promise<void> {
  const moves: Move[] = [];
  const settledAt = tx.now;
  const unsent: Claimed[] = [];
  for (const [reason, rows] of grouped(
    skipped,
    ({ reason }) => reason,
    ({ claimed }) => claimed,
  )) {
    const set = { reason, settledAt, owner: null, dueAt: null };
    const changed = await change(
      tx,
      claimer.key,
      rows,
      { from: 'claimed', to: 'skipped', owner, set },
      moves,
    );
    unsent.push(...rows.filter(({ key }) => changed.has(key)));
  }
  await moveTallies(tx, moves);
  await returnTokens(tx, claimer, byFamily(unsent));
}

/** Gives back what was claimed, or even about to be sent, but is not begun. */
export async function giveBack(
  tx: Tx,
  claimer: Claimer,
  from: 'claimed' | 'sending',
  rows: readonly Claimed[],
  owner: Buffer,
): Promise<void> {
  const moves: Move[] = [];
  const set = { owner: null, dueAt: null };
  const changed = await change(tx, claimer.key, rows, { from, to: 'queued', owner, set }, moves);
  await moveTallies(tx, moves);
  await returnTokens(tx, claimer, byFamily(rows.filter(({ key }) => changed.has(key))));
}

/** What sending came to. `counts` is false where the failure was not about this mail. */
export type Settlement =
  | { state: 'sent' }
  | { state: 'deferred'; reason: string; code: number | null; counts: boolean }
  /** `badAddress`: its server said that there is no such mailbox. */
  | { state: 'failed'; reason: string; code: number | null; badAddress?: true }
  | { state: 'uncertain'; reason: string };
export type Settled = { claimed: Claimed; settlement: Settlement };

/**
 * Records what sending came to. A recipient whose lease has run out meanwhile is `uncertain`: now it is known, unless it
 * would have to be tried again, since the mailing may be done. What was deferred too often has failed. An address that
 * does not exist has bounced.
 */
export async function settle(
  tx: Tx,
  claimer: Claimer,
  settled: readonly Settled[],
  owner: Buffer,
  random: () => number,
): Promise<void> {
  // First: on PostgreSQL it may wait for other processes.
  await noteReplies(
    tx,
    settled.flatMap(({ claimed, settlement }) => replyOf(claimed, settlement)),
  );
  const { key: mailingKey } = claimer;
  const moves: Move[] = [];
  const bounced: Move[] = [];
  const unsent: Claimed[] = [];
  const groups = grouped(
    settled.map(({ claimed, settlement }) => ({ claimed, end: endOf(tx.now, claimed, settlement, random) })),
    ({ end }) => JSON.stringify(end),
    (one) => one,
  );
  for (const [, group] of groups) {
    const [first] = group;
    if (!first) continue;
    const { state: to, ...set } = first.end;
    const moved = set.result ? bounced : moves;
    const rows = group.map(({ claimed }) => claimed);
    const known = await change(tx, mailingKey, rows, { from: 'sending', to, owner, set }, moved);
    if (to === 'queued') unsent.push(...rows.filter(({ key }) => known.has(key)));
    const late = rows.filter(({ key }) => !known.has(key));
    if (late.length > 0 && (to === 'sent' || to === 'failed')) {
      await change(tx, mailingKey, late, { from: 'uncertain', to, owner, set }, moved);
    }
  }
  await moveTallies(tx, [...moves, ...bounced]);
  for (const [variantKey, those] of grouped(
    bounced,
    ({ to }) => to.variantKey,
    (move) => move,
  )) {
    await countOutcome(tx, { mailingKey, variantKey }, 'bounced_at_once', those.length);
  }
  await returnTokens(tx, claimer, byFamily(unsent));
}

type End = {
  state: RecipientState;
  reason: string | null;
  attempts: number;
  dueAt: Date | null;
  settledAt?: Date;
  owner?: null;
  result?: 'bounced';
  resultAt?: Date;
};

function endOf(now: Date, { attempts }: Claimed, settlement: Settlement, random: () => number): End {
  const { state } = settlement;
  const reason = 'reason' in settlement ? settlement.reason : null;
  if (state !== 'deferred') {
    const isBad = state === 'failed' && settlement.badAddress === true;
    const end = { state, reason, attempts: attempts + 1, dueAt: null, settledAt: now };
    return isBad ? { ...end, result: 'bounced', resultAt: now } : end;
  }
  // Trouble of the mail server, not of this mail: it goes on when that is over.
  if (!settlement.counts) return { state: 'queued', reason: null, attempts, dueAt: null, owner: null };
  const wait = RETRY_MS[attempts];
  if (wait === undefined) {
    return { state: 'failed', reason, attempts: attempts + 1, dueAt: null, settledAt: now };
  }
  return { state, reason, attempts: attempts + 1, dueAt: later(now, wait, random) };
}

/** In whole seconds, so that many share a statement. */
const later = (now: Date, ms: number, random: () => number): Date =>
  new Date(
    now.getTime() + Math.min(Math.ceil((ms * (1 + JITTER * (2 * random() - 1))) / 1000) * 1000, 24 * HOUR_MS),
  );

function replyOf({ family }: Claimed, settlement: Settlement): MailReply[] {
  if (settlement.state === 'uncertain') return [];
  // The reply was not the recipient's server's.
  if (settlement.state === 'deferred' && !settlement.counts) return [];
  const code = 'code' in settlement ? settlement.code : 250;
  return [{ family, outcome: settlement.state, code }];
}

function grouped<T, K, V>(many: readonly T[], by: (one: T) => K, value: (one: T) => V): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const one of many) {
    const group = groups.get(by(one));
    if (group) group.push(value(one));
    else groups.set(by(one), [value(one)]);
  }
  return groups;
}

/** How many of these recipients are in each family. */
export function byFamily(rows: readonly Pick<Claimed, 'family'>[]): Map<string, number> {
  const families = new Map<string, number>();
  for (const { family } of rows) families.set(family, (families.get(family) ?? 0) + 1);
  return families;
}
