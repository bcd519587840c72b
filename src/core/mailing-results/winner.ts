import { and, eq, inArray, isNull, max } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { RecipientState } from '../../../schema/db/tables/sending.js';
import { ApiError } from '../../errors.js';
import { RunAgain, type Reader } from '../../store/store.js';
import { HOUR_MS } from '../../time.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { getMailing } from '../mailings/mailings.js';
import { readTallies } from '../sending/tallies.js';
import { chancesToBeBest } from './best-variant.js';
import { readEvents, readVariants, successesOf } from './statistics.js';

type Mailing = Tables['mailings']['$inferSelect'];

/** How sure it has to be, and how many mails of each wording are needed, before a wording wins by what it brought. */
export const SURE = 0.9;
export const LEAST_SENT = 50;

/**
 * Chooses the winners of tests whose time is over. Where none is proven to be better, the first wording wins. Returns how
 * many were decided. Several processes may call it at once.
 */
export async function decideDue(ctx: Context): Promise<number> {
  const { mailings: t } = ctx.store.tables;
  const waiting = await ctx.store.read.db
    .select()
    .from(t)
    .where(and(eq(t.state, 'deciding'), isNull(t.winnerKey), eq(t.winnerChoice, 'automatic')));
  let decided = 0;
  for (const mailing of waiting) {
    if (!(await isOver(ctx.store.read, mailing, ctx.now().getTime()))) continue;
    const winnerKey = await winnerOf(ctx.store.read, mailing);
    if (winnerKey !== undefined && (await settle(ctx, mailing.key, winnerKey))) decided += 1;
  }
  return decided;
}

/** When the last mail of each test was sent, as far as it is known: what was deferred may be sent later. */
const sentAt = new Map<string, number>();
const MOST_KEPT = 1000;

/** The time of the test runs from its last mail. It is read again once it seems to be over. */
async function isOver(on: Reader, mailing: Mailing, now: number): Promise<boolean> {
  const { publicId, decideAfterHours } = mailing;
  const ends = (last: number) => last + decideAfterHours * HOUR_MS;
  const known = sentAt.get(publicId);
  if (known !== undefined && ends(known) > now) return false;
  const last = await lastSent(on, mailing);
  if (last === undefined) return false;
  if (sentAt.size >= MOST_KEPT) sentAt.clear();
  sentAt.set(publicId, last);
  return ends(last) <= now;
}

const WAITING: readonly RecipientState[] = ['claimed', 'sending', 'deferred'];

/** Undefined: none was sent, and some are still tried. */
async function lastSent(on: Reader, { key, startedAt }: Mailing): Promise<number | undefined> {
  // Until there is a winner, those who have a wording are the test.
  const tested = (await readTallies(on, key)).filter(
    ({ variantKey, recipients }) => variantKey !== 0 && recipients > 0,
  );
  if (!tested.some(({ state }) => state === 'sent') && tested.some(({ state }) => WAITING.includes(state))) {
    return undefined;
  }
  const { mailingRecipients: t } = on.tables;
  const [row] = await on.db
    .select({ at: max(t.settledAt) })
    .from(t)
    .where(and(eq(t.mailingKey, key), eq(t.wave, 0)));
  return (row?.at ?? startedAt)?.getTime() ?? 0;
}

/** The wording that has proven to be the best, else the first. */
async function winnerOf(on: Reader, mailing: Mailing): Promise<number | undefined> {
  const variants = await readVariants(on, mailing.key);
  const tallies = await readTallies(on, mailing.key);
  const events = await readEvents(on, mailing);
  const trials = variants.map(({ key }) => {
    const of = tallies.reduce(
      (n, tally) => (tally.variantKey === key && tally.state === 'sent' ? n + tally.recipients : n),
      0,
    );
    const count = (figure: string) =>
      events.reduce(
        (n, event) => (event.variantKey === key && event.figure === figure ? n + event.events : n),
        0,
      );
    return {
      of,
      successes: successesOf(mailing, { clicks: count('clicks'), confirmed: count('confirmed') }),
    };
  });
  const enough = trials.every(({ of }) => of >= LEAST_SENT);
  const best = enough ? chancesToBeBest(trials).findIndex((chance) => chance >= SURE) : -1;
  return variants[Math.max(0, best)]?.key;
}

async function settle(ctx: Context, key: number, winnerKey: number): Promise<boolean> {
  const { mailings: t } = ctx.store.tables;
  const changed = await ctx.store.transact((tx) =>
    tx.db
      .update(t)
      .set({ winnerKey, decidedAt: tx.now, state: 'running', updatedAt: tx.now })
      .where(and(eq(t.key, key), eq(t.state, 'deciding'), isNull(t.winnerKey)))
      .returning({ key: t.key }),
  );
  return changed.length > 0;
}

/** The states in which a winner can be chosen by hand; in all of them the rest of the audience waits. */
const OPEN = ['running', 'deciding', 'paused'] as const;

/**
 * Sends this wording to the rest of the audience, without waiting for the end of the test. Choosing the same one again
 * changes nothing. Throws `mailing_not_found`, `variant_not_found`, `mailing_transition_not_allowed`.
 */
export async function chooseMailingWinner(
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  variantId: string,
): Promise<void> {
  await ctx.store.transact(async (tx) => {
    const { mailings: t } = tx.tables;
    const mailing = await getMailing(tx, actor, publicId);
    const variants = await readVariants(tx, mailing.key);
    const variant = variants.find((one) => one.publicId === variantId);
    if (!variant) throw new ApiError('variant_not_found');
    if (mailing.winnerKey === variant.key) return;
    const reason = whyNot(mailing, variants.length);
    if (reason !== undefined) throw new ApiError('mailing_transition_not_allowed', { detail: reason });
    const changed = await tx.db
      .update(t)
      .set({
        winnerKey: variant.key,
        decidedAt: tx.now,
        updatedAt: tx.now,
        ...(mailing.state === 'deciding' ? { state: 'running' } : {}),
        ...(mailing.pausedFrom === 'deciding' ? { pausedFrom: 'running' } : {}),
      })
      .where(
        and(eq(t.key, mailing.key), eq(t.state, mailing.state), inArray(t.state, OPEN), isNull(t.winnerKey)),
      )
      .returning({ key: t.key });
    if (changed.length === 0) throw new RunAgain();
  });
}

function whyNot({ state, winnerKey, testShare }: Mailing, variants: number): string | undefined {
  if (winnerKey !== null) return 'The winner is chosen, and being sent.';
  if (variants < 2 || testShare === 100) return 'It tests nothing: no one waits for a winner.';
  return (OPEN as readonly string[]).includes(state)
    ? undefined
    : `Choose a winner while the test runs; the mailing is ${state}.`;
}
