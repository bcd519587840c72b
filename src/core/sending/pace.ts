import { and, eq, inArray, lt, sql } from 'drizzle-orm';
import { createHash } from 'node:crypto';
import type { Reader, Store, Tx } from '../../store/store.js';
import { DAY_MS, dayOf } from '../../time.js';
import { inParts } from '../bulk-insert.js';
import { deleteInSteps } from '../in-steps.js';
import { requireWritten } from '../overtaken.js';
import {
  allowed,
  climbed,
  divided,
  newBucket,
  NO_LIMIT,
  putOff,
  refilled,
  returned,
  slowed,
  taken,
  type Bucket,
} from './buckets.js';
import { readPolicy } from './policies.js';

/*
 * How fast mailings are sent. The buckets are in the database, so all processes share them: one of an organization (its
 * `perHour`), one of each family of recipient domains, which slows down when the provider refuses and climbs again. The
 * warm-up of a sender's domain is counted by day.
 *
 * On PostgreSQL these functions hold a lock until the end of the transaction: call them before anything else in it is
 * written, so that two processes never wait for each other.
 */

const LOCK = createHash('sha256').update('sending pace').digest().subarray(0, 8);

/** Families of fewer mails in a batch are not watched until they are refused. */
const WATCHED_FROM = 5;

export type Sender = { organizationKey: number; senderDomain: string };

const ofFamily = (family: string) => `family:${family}`;
const ofOrganization = (key: number) => `organization:${key}`;

/** How many mails of each family may be sent now, of so many that wait. They count as sent. */
export async function takeTokens(
  tx: Tx,
  sender: Sender,
  families: ReadonlyMap<string, number>,
): Promise<Map<string, number>> {
  await tx.lock(LOCK);
  const known = await readBuckets(tx, scopesOf(sender, families));
  const { perHour, warmUp } = await readPolicy(tx, sender.organizationKey);
  const own = perHour === null ? undefined : ownBucket(known, sender, perHour, tx.now);
  const most = Math.min(
    own ? allowed(own, tx.now) : Infinity,
    warmUp === null ? Infinity : await warmUpAllows(tx, sender.senderDomain, warmUp),
  );
  const wants = new Map<string, number>();
  const buckets = new Map<string, Bucket>();
  for (const [family, wanted] of families) {
    const scope = ofFamily(family);
    const bucket = refilled(known.get(scope) ?? newBucket(scope, NO_LIMIT, tx.now), tx.now);
    buckets.set(family, bucket);
    wants.set(family, Math.min(wanted, allowed(bucket, tx.now)));
  }
  const shares = most === Infinity ? wants : divided(most, wants);
  const sum = [...shares.values()].reduce((a, b) => a + b, 0);
  if (sum === 0) return shares;
  const changed: Bucket[] = own ? [taken(own, sum, tx.now)] : [];
  for (const [family, mails] of shares) {
    const bucket = buckets.get(family);
    if (!bucket || mails === 0) continue;
    if (known.has(bucket.scope) || mails >= WATCHED_FROM) changed.push(taken(bucket, mails, tx.now));
  }
  await writeBuckets(tx, changed);
  await countDay(tx, sender.senderDomain, sum);
  return shares;
}

/** The families of which nothing may be sent now. */
export async function waitingFamilies({ db, tables: { sendingPace: t }, now }: Tx): Promise<string[]> {
  const slow = await db.select().from(t).where(lt(t.rate, NO_LIMIT));
  return slow
    .filter((bucket) => bucket.scope.startsWith(ofFamily('')) && allowed(refilled(bucket, now), now) === 0)
    .map(({ scope }) => scope.slice(ofFamily('').length));
}

/** Gives back what was taken for mails that are not sent after all. */
export async function returnTokens(
  tx: Tx,
  sender: Sender,
  families: ReadonlyMap<string, number>,
): Promise<void> {
  const sum = [...families.values()].reduce((a, b) => a + b, 0);
  if (sum === 0) return;
  await tx.lock(LOCK);
  const known = await readBuckets(tx, scopesOf(sender, families));
  const of = (scope: string, mails: number) => {
    const bucket = known.get(scope);
    return bucket ? [returned(bucket, mails)] : [];
  };
  await writeBuckets(tx, [
    ...of(ofOrganization(sender.organizationKey), sum),
    ...[...families].flatMap(([family, mails]) => of(ofFamily(family), mails)),
  ]);
  const { sendingDays: t } = tx.tables;
  await tx.db
    .update(t)
    .set({ mails: sql`case when ${t.mails} > ${sum} then ${t.mails} - ${sum} else 0 end` })
    .where(and(eq(t.domain, sender.senderDomain), eq(t.day, dayOf(tx.now))));
}

const scopesOf = ({ organizationKey }: Sender, families: ReadonlyMap<string, number>) => [
  ofOrganization(organizationKey),
  ...[...families.keys()].map(ofFamily),
];

function ownBucket(
  known: ReadonlyMap<string, Bucket>,
  { organizationKey }: Sender,
  perHour: number,
  now: Date,
): Bucket {
  const scope = ofOrganization(organizationKey);
  const fresh = newBucket(scope, perHour, now);
  const old = known.get(scope);
  // A new limit holds at once.
  return old ? refilled({ ...old, rate: perHour, tokens: Math.min(old.tokens, fresh.tokens) }, now) : fresh;
}

/** What is left of today's share of the warm-up. A day without mails is not counted. */
async function warmUpAllows(tx: Tx, domain: string, warmUp: readonly number[]): Promise<number> {
  const { sendingDays: t } = tx.tables;
  const today = dayOf(tx.now);
  const [before] = await tx.db
    .select({ days: sql<number>`count(*)`.mapWith(Number) })
    .from(t)
    .where(and(eq(t.domain, domain), lt(t.day, today)));
  const most = warmUp[before?.days ?? 0];
  if (most === undefined) return Infinity;
  const [row] = await tx.db
    .select({ mails: t.mails })
    .from(t)
    .where(and(eq(t.domain, domain), eq(t.day, today)));
  return Math.max(0, most - (row?.mails ?? 0));
}

async function countDay(tx: Tx, domain: string, mails: number): Promise<void> {
  const { sendingDays: t } = tx.tables;
  await tx.db
    .insert(t)
    .values({ domain, day: dayOf(tx.now), mails })
    .onConflictDoUpdate({ target: [t.domain, t.day], set: { mails: sql`${t.mails} + excluded.mails` } });
}

/** What a recipient's server has replied. `code`: its three digits, if there were any. */
export type MailReply = { family: string; outcome: 'sent' | 'deferred' | 'failed'; code?: number | null };

const isPace = (code: number | null | undefined) =>
  code === 421 || (code != null && code >= 450 && code < 460);

/**
 * Takes account of replies: families that say 421, or put off more than a tenth of the mails of a minute, get half the rate
 * and a pause; those that were slowed down climb with each success. Nothing is written while all is well.
 */
export async function noteReplies(tx: Tx, replies: readonly MailReply[]): Promise<void> {
  const families = summedUp(replies);
  const scopes = [...families.keys()].map(ofFamily);
  const isPutOff = [...families.values()].some(({ slow, closing }) => closing || slow > 0);
  if (!isPutOff && [...(await readBuckets(tx, scopes)).values()].every(isWell)) return;
  await tx.lock(LOCK);
  const known = await readBuckets(tx, scopes);
  const changed: Bucket[] = [];
  for (const [family, told] of families) {
    const old = known.get(ofFamily(family));
    const before = refilled(old ?? newBucket(ofFamily(family), NO_LIMIT, tx.now), tx.now);
    const { bucket, isTrouble } = putOff(before, told.slow, told.all, tx.now);
    const isSlowed = told.closing || isTrouble;
    if (!old && !isSlowed) continue;
    const next = isSlowed ? slowed(bucket, tx.now) : climbed(bucket, told.sent, NO_LIMIT);
    if (next !== before) changed.push(next);
  }
  await writeBuckets(tx, changed);
}

type Told = { sent: number; all: number; slow: number; closing: boolean };

const isWell = ({ rate, setbacks }: Bucket) => rate >= NO_LIMIT && setbacks === 0;

function summedUp(replies: readonly MailReply[]): Map<string, Told> {
  const families = new Map<string, Told>();
  for (const { family, outcome, code } of replies) {
    const told = families.get(family) ?? { sent: 0, all: 0, slow: 0, closing: false };
    told.all += 1;
    if (outcome === 'sent') told.sent += 1;
    if (outcome === 'deferred' && isPace(code)) told.slow += 1;
    if (outcome === 'deferred' && code === 421) told.closing = true;
    families.set(family, told);
  }
  return families;
}

async function readBuckets(on: Reader, scopes: readonly string[]): Promise<Map<string, Bucket>> {
  const { sendingPace: t } = on.tables;
  const found = new Map<string, Bucket>();
  for (const some of inParts(scopes)) {
    const rows = await on.db
      .select()
      .from(t)
      .where(inArray(t.scope, [...some]));
    for (const row of rows) found.set(row.scope, row);
  }
  return found;
}

async function writeBuckets(tx: Tx, buckets: readonly Bucket[]): Promise<void> {
  const { sendingPace: t } = tx.tables;
  for (const some of inParts([...buckets].sort((a, b) => (a.scope < b.scope ? -1 : 1)))) {
    const written = await tx.db
      .insert(t)
      .values([...some])
      .onConflictDoUpdate({
        target: t.scope,
        set: {
          rate: sql`excluded.rate`,
          tokens: sql`excluded.tokens`,
          at: sql`excluded.at`,
          notBefore: sql`excluded.not_before`,
          successes: sql`excluded.successes`,
          setbacks: sql`excluded.setbacks`,
          windowMails: sql`excluded.window_mails`,
          windowSlow: sql`excluded.window_slow`,
          windowAt: sql`excluded.window_at`,
        },
      })
      .returning({ scope: t.scope });
    requireWritten(written, some.length);
  }
}

const PACE_DAYS = 7;

/** Forgets buckets that nobody has used for a week: a new one is the same, or nearly. */
export function sweepPace(store: Store, now: Date): Promise<number> {
  const { sendingPace: t } = store.tables;
  const before = new Date(now.getTime() - PACE_DAYS * DAY_MS);
  return deleteInSteps(store, (db, most) => {
    const old = db.select({ scope: t.scope }).from(t).where(lt(t.at, before)).limit(most);
    return db.delete(t).where(inArray(t.scope, old)).returning({ scope: t.scope });
  });
}
