import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../core/context.js';
import type { Letter } from '../core/letters/letter.js';
import { prepareMail } from '../core/letters/prepare-mail.js';
import { settleMail, type OutboxRow } from '../core/mail/outbox.js';
import { takeMailEvent } from '../core/subscriptions/mail-events.js';
import { describeError } from '../errors.js';
import { createDomainRate, type Rate } from './domain-rate.js';
import type { Post } from './message.js';
import type { Sent } from './outcome.js';
import type { Rendered } from './render.js';
import { HOUR_MS, MINUTE_MS } from '../time.js';

export type Logger = Record<
  'debug' | 'info' | 'warn' | 'error',
  (values: Record<string, unknown>, message: string) => void
>;

export type DeliveryOptions = {
  ctx: Context;
  post: Post;
  render: (letter: Letter) => Rendered | Promise<Rendered>;
  logger: Logger;
  /** The limit for mails to one recipient domain. */
  domainRate: Rate;
  times: typeof DELIVERY_TIMES & { pauseMs: number };
};

export const DELIVERY_TIMES = {
  /** The waits between attempts, with some jitter; the last one repeats. */
  retryMs: [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS, 8 * HOUR_MS],
  /** A mail this old is not tried again. */
  giveUpMs: 72 * HOUR_MS,
  /** How long to retry recording that a mail was sent: what sending leaves of the lease. */
  settleMs: 30_000,
};

const SETTLE_AGAIN_MS = 250;

export type Result =
  | { kind: 'sent' | 'dropped' | 'failed' | 'retried' | 'postponed' }
  /** The mail was put back, since the server cannot be used for any mail at the moment. */
  | { kind: 'unreachable'; reason: string };

/** Makes the function that sends a claimed mail and records the outcome. It never throws. */
export function createDelivery(options: DeliveryOptions): (mail: OutboxRow) => Promise<Result> {
  const { ctx, logger } = options;
  const rate = createDomainRate(options.domainRate, () => performance.now());
  return async (mail) => {
    try {
      return await deliver(options, rate, mail);
    } catch (error) {
      logger.error({ error: describeError(error), mail: mail.key, kind: mail.kind }, 'a mail cannot be made');
      // If that fails as well, the lease runs out, and a worker claims the mail again.
      return putBack(options, mail, 'internal').catch((second: unknown) => {
        logger.error({ error: describeError(second), mail: mail.key }, 'a mail cannot be put back');
        return { kind: 'retried' };
      });
    }
  };

  async function deliver(
    { post, render }: DeliveryOptions,
    { take }: typeof rate,
    mail: OutboxRow,
  ): Promise<Result> {
    // The mail is sent after that transaction. Meanwhile its request may be confirmed, or its supporter erased, which
    // is harmless: links are checked when they are used.
    const letter = await prepareMail(ctx, mail);
    if (!letter) return { kind: 'dropped' };
    const wait = take(domainOf(letter.to), mail.key);
    if (wait > 0) return postpone(options, mail, 'domain_rate', wait);
    const sent = await post.send({
      to: letter.to,
      messageId: letter.messageId,
      replyTo: letter.organization?.replyTo ?? null,
      ...(await render(letter)),
    });
    return settle(options, mail, letter, sent);
  }
}

/** The domain of an address. */
export const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1);

async function settle(
  options: DeliveryOptions,
  mail: OutboxRow,
  letter: Letter,
  sent: Sent,
): Promise<Result> {
  const { ctx, logger } = options;
  const { template } = letter;
  switch (sent.outcome) {
    case 'sent':
      await settleSent(options, mail);
      if (sent.file === undefined) logger.debug({ template }, 'mail sent');
      else logger.info({ file: sent.file, template }, 'mail written');
      return { kind: 'sent' };
    case 'rejected':
      await fail(options, mail, sent.reason, sent.badAddress ? 'debug' : 'warn');
      // The mailbox for tests is nobody's who signed: what happens to it must not end their subscriptions.
      if (sent.badAddress && letter.testFor === undefined) {
        await takeMailEvent(ctx, { type: 'bounce', email: letter.to });
      }
      return { kind: 'failed' };
    case 'retry':
      if (!sent.connection) return putBack(options, mail, sent.reason);
      if (isTooOld(options, mail)) return fail(options, mail, sent.reason);
      await postpone(options, mail, sent.reason, options.times.pauseMs);
      return { kind: 'unreachable', reason: sent.reason };
  }
}

/**
 * Records that a mail was sent. If the database fails just then, the mail must not be sent twice: it retries for as
 * long as the lease excludes other workers. After that another worker may send the mail again.
 */
async function settleSent({ ctx, logger, times }: DeliveryOptions, mail: OutboxRow): Promise<void> {
  const until = performance.now() + times.settleMs;
  for (;;) {
    try {
      return await ctx.store.transact((tx) => settleMail(tx, mail, { state: 'sent' }));
    } catch (error) {
      logger.error({ error: describeError(error), mail: mail.key }, 'a sent mail cannot be noted');
      if (performance.now() > until) return;
      await sleep(SETTLE_AGAIN_MS);
    }
  }
}

const isTooOld = ({ ctx, times }: DeliveryOptions, mail: OutboxRow): boolean =>
  ctx.now().getTime() - mail.createdAt.getTime() >= times.giveUpMs;

async function fail(
  { ctx, logger }: DeliveryOptions,
  mail: OutboxRow,
  reason: string,
  level: 'debug' | 'warn' = 'warn',
): Promise<Result> {
  await ctx.store.transact((tx) => settleMail(tx, mail, { state: 'failed', reason }));
  logger[level]({ kind: mail.kind, reason }, 'a mail was given up');
  return { kind: 'failed' };
}

/** Queues a mail for another attempt, after a wait that grows; gives up when the mail is too old. */
async function putBack(options: DeliveryOptions, mail: OutboxRow, reason: string): Promise<Result> {
  if (isTooOld(options, mail)) return fail(options, mail, reason);
  const { ctx, times } = options;
  const wait = times.retryMs[Math.min(mail.attempts, times.retryMs.length - 1)] ?? HOUR_MS;
  // Up to a fifth longer, so that mails that failed together are not retried together.
  const dueAt = new Date(ctx.now().getTime() + wait * (1 + Math.random() / 5));
  await ctx.store.transact((tx) => settleMail(tx, mail, { state: 'queued', reason, dueAt }));
  return { kind: 'retried' };
}

/** Puts a mail back without counting an attempt, since it was not tried. */
async function postpone(
  { ctx }: DeliveryOptions,
  mail: OutboxRow,
  reason: string,
  ms: number,
): Promise<Result> {
  const unspent = { ...mail, attempts: mail.attempts - 1 };
  const dueAt = new Date(ctx.now().getTime() + ms);
  await ctx.store.transact((tx) => settleMail(tx, unspent, { state: 'queued', reason, dueAt }));
  return { kind: 'postponed' };
}
