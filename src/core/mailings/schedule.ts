import { and, eq, lte } from 'drizzle-orm';
import { ApiError, invalidBody } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import { DAY_MS, HOUR_MS } from '../../time.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { once, type Retry } from '../idempotency.js';
import { readTimeZone } from '../time-zones.js';
import { findMailing, getMailing, getWholeMailing, type MailingView, type WholeMailing } from './mailings.js';
import { isOpen } from './mailing-indexes.js';
import { canMove, makeMove } from './moves.js';
import { readSendTime, shownIn } from './send-times.js';
import type { Compile } from './source.js';
import { begin, beginAnew, prepare, Unusable } from './starting.js';

export type Scheduling = {
  /** An instant, or what a clock shows in the time zone. */
  sendAt: string;
  timeZone?: string | null;
  /** Absent: as before. */
  expiresAt?: string | null;
};

/** A mailing that could not begin for so long is not sent any more: what it says may be over. */
const LATEST_MS = HOUR_MS;
const FURTHEST_MS = 2 * 366 * DAY_MS;

/**
 * Lets a mailing begin at a moment to come; also moves that moment. Throws `mailing_not_found`, `invalid_body`,
 * `mailing_transition_not_allowed`, `mailing_not_ready`, `idempotency_key_reused`.
 */
export const scheduleMailing = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  scheduling: Scheduling,
  compile: Compile,
  retry?: Retry,
): Promise<WholeMailing> =>
  beginAnew(async () => {
    const before = await getMailing(ctx.store.read, actor, publicId);
    if (canMove(before.state, 'schedule')) {
      const { sendAt } = readTimes(scheduling, before, ctx.now());
      await prepare(ctx, before, compile, { kind: 'schedule', at: sendAt });
    }
    return ctx.store.transact((tx) =>
      once(tx, retry, async () => {
        const mailing = await getMailing(tx, actor, publicId);
        const times = readTimes(scheduling, mailing, tx.now);
        await makeMove(tx, mailing, 'schedule', { state: 'scheduled', ...times, pauseReason: null });
        return getWholeMailing(tx, actor, publicId);
      }),
    );
  });

/** Throws `invalid_body`. */
function readTimes(
  { sendAt: written, timeZone: typed = null, expiresAt: expiry }: Scheduling,
  mailing: MailingView,
  now: Date,
): Times {
  const timeZone = typed === null ? null : readTimeZone(typed);
  const sendAt = readSendTime('/send_at', written, timeZone);
  const read = (text: string) => readSendTime('/expires_at', text, timeZone ?? mailing.timeZone);
  const expiresAt = expiry === undefined ? mailing.expiresAt : expiry === null ? null : read(expiry);
  const times = { sendAt, timeZone, expiresAt };
  assertToCome(times, now);
  return times;
}

type Times = { sendAt: Date; timeZone: string | null; expiresAt: Date | null };

function assertToCome({ sendAt, timeZone, expiresAt }: Times, now: Date): void {
  if (sendAt <= now) {
    const zone = timeZone ?? 'UTC';
    const detail = `That is over: in ${zone} it is ${shownIn(now, zone)} now. Write a time to come, or start it now.`;
    throw invalidBody({ pointer: '/send_at', code: 'past', detail });
  }
  if (sendAt.getTime() > now.getTime() + FURTHEST_MS) {
    const detail = 'That is more than two years ahead: look at the year.';
    throw invalidBody({ pointer: '/send_at', code: 'too_far', detail });
  }
  if (expiresAt && expiresAt <= sendAt) {
    const detail = 'It would expire before it is sent: write a time after send_at.';
    throw invalidBody({ pointer: '/expires_at', code: 'too_early', detail });
  }
}

/** What became of a scheduled mailing whose time has come. `waiting`: it is not ready yet, and is tried again. */
export type Due = { mailingId: string; outcome: 'started' | 'waiting' | 'missed' };

const MOST_AT_ONCE = 100;

/**
 * Begins the scheduled mailings whose time has come, and gives up those whose time went by more than an hour ago. Call it
 * about once a second; several processes may.
 */
export async function startDue(ctx: Context, compile: Compile): Promise<Due[]> {
  const { db, tables } = ctx.store.read;
  const { mailings: t } = tables;
  const rows = await db
    .select({ publicId: t.publicId })
    .from(t)
    .where(and(isOpen(tables), eq(t.state, 'scheduled'), lte(t.sendAt, ctx.now())))
    .orderBy(t.sendAt)
    .limit(MOST_AT_ONCE);
  const due: Due[] = [];
  for (const { publicId } of rows) {
    const outcome = await beginAnew(() => startOne(ctx, publicId, compile));
    if (outcome) due.push({ mailingId: publicId, outcome });
  }
  return due;
}

async function startOne(
  ctx: Context,
  publicId: string,
  compile: Compile,
): Promise<Due['outcome'] | undefined> {
  const mailing = await findMailing(ctx.store.read, publicId);
  if (!mailing || !isDue(mailing, ctx.now())) return undefined;
  if (isTooLate(mailing, ctx.now())) return miss(ctx, mailing, null);
  try {
    const prepared = await prepare(ctx, mailing, compile);
    return await ctx.store.transact(async (tx) => {
      const now = await findMailing(tx, publicId);
      if (!now || !isDue(now, tx.now)) return undefined;
      await begin(ctx, tx, now, prepared);
      return 'started';
    });
  } catch (error) {
    if (error instanceof ApiError && error.code === 'mailing_not_ready') return 'waiting';
    if (error instanceof Unusable) return miss(ctx, mailing, 'content_unusable');
    throw error;
  }
}

const isDue = ({ state, sendAt }: MailingView, now: Date): boolean =>
  state === 'scheduled' && sendAt !== null && sendAt <= now;

const isTooLate = ({ sendAt, expiresAt }: MailingView, now: Date): boolean =>
  (sendAt !== null && now.getTime() - sendAt.getTime() > LATEST_MS) ||
  (expiresAt !== null && expiresAt <= now);

const miss = (ctx: Context, mailing: MailingView, pauseReason: 'content_unusable' | null) =>
  ctx.store.transact(async (tx: Tx) => {
    const { mailings: t } = tx.tables;
    const missed = await tx.db
      .update(t)
      .set({ state: 'missed', pauseReason, updatedAt: tx.now })
      .where(
        and(
          eq(t.key, mailing.key),
          eq(t.state, 'scheduled'),
          eq(t.version, mailing.version),
          lte(t.sendAt, tx.now),
        ),
      )
      .returning({ key: t.key });
    return missed.length > 0 ? ('missed' as const) : undefined;
  });
