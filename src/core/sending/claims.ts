import { createHash } from 'node:crypto';
import { and, asc, count, eq, inArray, isNotNull, lte, notInArray, or, sql } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { bind, statement, type Reader, type Tx } from '../../store/store.js';
import { inParts } from '../bulk-insert.js';
import { isToDo } from '../mailings/mailing-indexes.js';
import type { Permit } from './open-mailings.js';
import { takeTokens, waitingFamilies } from './pace.js';
import { moveTallies, type Move } from './tallies.js';

/* Taking recipients for this process, a batch at a time, before they are looked at and sent to. */

/** The most recipients that are claimed together. */
export const BATCH = 200;
/** The most families that one batch asks for: each is a query. */
const FAMILIES = 24;

type Row = Tables['mailingRecipients']['$inferSelect'];
export type Claimed = Pick<
  Row,
  'key' | 'supporterKey' | 'subscriptionKey' | 'variantKey' | 'wave' | 'family' | 'attempts'
>;

/** The process that claims, and until when it does. */
export type Lease = { owner: Buffer; leaseMs: number };
/** Whose mailing it is: limits are theirs. */
export type Claimer = { key: number; organizationKey: number; senderDomain: string };

/**
 * Waits for the other processes that record, look or claim for this organization. To be called first in a transaction:
 * they write the same sums in their own order, and two mailings at once might both go to a person who wants one a week.
 */
export const queueUp = (tx: Tx, { organizationKey }: Pick<Claimer, 'organizationKey'>): PromiseLike<void> =>
  tx.lock(createHash('sha256').update(`sending ${organizationKey}`).digest().subarray(0, 8));

/** The waves that may be sent: the rest of the audience gets the winner, once it is known. */
const wavesOf = ({ winnerKey }: Permit): number[] => (winnerKey === null ? [0] : [0, 1]);

/** How many may be sent in each family, largest first. It reads all of them: not for every batch. */
export async function queuedFamilies(on: Reader, mailingKey: number): Promise<Map<string, number>> {
  const { mailingRecipients: t, mailings: m } = on.tables;
  const rows = await on.db
    .select({ family: t.family, recipients: count() })
    .from(t)
    .innerJoin(m, eq(m.key, t.mailingKey))
    .where(
      and(
        isToDo(on.tables),
        eq(t.mailingKey, mailingKey),
        eq(t.state, 'queued'),
        or(eq(t.wave, 0), isNotNull(m.winnerKey)),
      ),
    )
    .groupBy(t.family);
  return new Map(rows.sort((a, b) => b.recipients - a.recipients).map((row) => [row.family, row.recipients]));
}

/**
 * How many of which family a batch should have: in proportion to what is left, so that a mailing goes to all providers
 * at the same time. Small families take turns, from the `turn`th.
 */
export function shareOut(left: ReadonlyMap<string, number>, most: number, turn: number): Map<string, number> {
  const all = [...left].filter(([, n]) => n > 0);
  const large = all.slice(0, FAMILIES / 2);
  const small = all.slice(large.length);
  const from = small.length === 0 ? 0 : (turn * (FAMILIES - large.length)) % small.length;
  const chosen = [
    ...large,
    ...[...small.slice(from), ...small.slice(0, from)].slice(0, FAMILIES - large.length),
  ];
  const total = chosen.reduce((sum, [, n]) => sum + n, 0);
  const wanted = new Map<string, number>();
  let rest = most;
  for (const [family, n] of chosen) {
    const share = Math.min(n, rest, Math.max(1, Math.ceil((most * n) / total)));
    if (share > 0) wanted.set(family, share);
    rest -= share;
  }
  return wanted;
}

const COLUMNS = ({ mailingRecipients: t }: Tables) => ({
  key: t.key,
  supporterKey: t.supporterKey,
  subscriptionKey: t.subscriptionKey,
  variantKey: t.variantKey,
  wave: t.wave,
  family: t.family,
  attempts: t.attempts,
});

const queuedOf = statement('mailing_recipients_queued', ({ db, tables }: Tx) => {
  const { mailingRecipients: t } = tables;
  return db
    .select(COLUMNS(tables))
    .from(t)
    .where(
      and(
        isToDo(tables),
        eq(t.mailingKey, bind(t.mailingKey, 'mailingKey')),
        eq(t.state, 'queued'),
        eq(t.wave, bind(t.wave, 'wave')),
        eq(t.family, bind(t.family, 'family')),
      ),
    )
    .limit(sql.placeholder('most'));
});

/**
 * Claims up to `wanted` of each family, as far as the pace lets them go now, and what was deferred and is due again.
 * Called after `queueUp`, so no other process claims of this mailing at the same time.
 */
export async function claimRecipients(
  tx: Tx,
  mailing: Claimer,
  permit: Permit,
  wanted: ReadonlyMap<string, number>,
  lease: Lease,
): Promise<Claimed[]> {
  const due = await dueAgain(tx, mailing.key, permit);
  const all = new Map(wanted);
  for (const { family } of due) all.set(family, (all.get(family) ?? 0) + 1);
  if (all.size === 0) return [];
  const allowed = await takeTokens(tx, mailing, all);
  const again = due.filter(({ family }) => take(allowed, family));
  await claim(tx, mailing.key, 'deferred', again, permit, lease);
  const fresh: Claimed[] = [];
  for (const [family, most] of allowed) {
    let left = Math.min(most, wanted.get(family) ?? 0);
    for (const wave of wavesOf(permit)) {
      if (left <= 0) break;
      const rows = await queuedOf(tx, { mailingKey: mailing.key, wave, family, most: left });
      fresh.push(...rows);
      left -= rows.length;
    }
  }
  await claim(tx, mailing.key, 'queued', fresh, permit, lease);
  return [...again, ...fresh].map((row) => ({ ...row, variantKey: row.variantKey ?? permit.winnerKey }));
}

function take(allowed: Map<string, number>, family: string): boolean {
  const left = allowed.get(family) ?? 0;
  allowed.set(family, left - 1);
  return left > 0;
}

/** What is due again, the earliest first, but not of families that must wait: they would keep all others waiting, too. */
async function dueAgain(tx: Tx, mailingKey: number, permit: Permit): Promise<Claimed[]> {
  const { db, tables, now } = tx;
  const { mailingRecipients: t } = tables;
  const isDue = and(
    isToDo(tables),
    eq(t.mailingKey, mailingKey),
    eq(t.state, 'deferred'),
    inArray(t.wave, wavesOf(permit)),
    lte(t.dueAt, now),
    notInArray(t.family, await waitingFamilies(tx)),
  );
  return db
    .select(COLUMNS(tables))
    .from(t)
    .where(isDue)
    .orderBy(asc(t.dueAt))
    .limit(BATCH / 4);
}

async function claim(
  tx: Tx,
  mailingKey: number,
  from: 'queued' | 'deferred',
  rows: readonly Claimed[],
  { winnerKey }: Permit,
  { owner, leaseMs }: Lease,
): Promise<void> {
  const { mailingRecipients: t } = tx.tables;
  const dueAt = new Date(tx.now.getTime() + leaseMs);
  for (const hasVariant of [true, false]) {
    const some = rows.filter(({ variantKey }) => (variantKey !== null) === hasVariant);
    for (const part of inParts(some)) {
      await tx.db
        .update(t)
        .set({ state: 'claimed', owner, dueAt, ...(hasVariant ? {} : { variantKey: winnerKey }) })
        .where(
          inArray(
            t.key,
            part.map(({ key }) => key),
          ),
        );
    }
  }
  await moveTallies(
    tx,
    rows.map(({ variantKey }): Move => ({
      mailingKey,
      from: { variantKey, state: from },
      to: { variantKey: variantKey ?? winnerKey, state: 'claimed' },
      recipients: 1,
    })),
  );
}

/** The identities behind claimed recipients, by the supporter's key: to be hashed outside of a transaction. */
export async function identitiesOf(on: Reader, claimed: readonly Claimed[]): Promise<Map<number, string>> {
  const { supporters: t } = on.tables;
  const found = new Map<number, string>();
  const keys = claimed.flatMap(({ supporterKey }) => supporterKey ?? []);
  for (const part of inParts(keys)) {
    const rows = await on.db
      .select({ key: t.key, identity: t.identity })
      .from(t)
      .where(inArray(t.key, [...part]));
    for (const { key, identity } of rows) found.set(key, identity);
  }
  return found;
}
