import type { Context } from '../core/context.js';
import { claimMails } from '../core/mail/outbox.js';
import { describeError } from '../errors.js';
import { createDelivery, DELIVERY_TIMES, type DeliveryOptions, type Result } from './delivery.js';

export type WorkerOptions = Omit<DeliveryOptions, 'times'> & {
  ctx: Context;
  /** How many mails are on their way at once. */
  connections: number;
  /** Where to count; its own figures if absent. */
  stats?: MailStats;
  /** For tests. */
  times?: Partial<typeof TIMES>;
};

const TIMES = {
  ...DELIVERY_TIMES,
  /** How often the outbox is looked into when no bell rings: other processes write to it, too. */
  pollMs: 1000,
  /** Longer than preparing and sending a mail can take. */
  leaseMs: 120_000,
  /** How long to wait for a server that cannot be used: doubled each time it still cannot. */
  pauseMs: 1000,
  longestPauseMs: 300_000,
  /** How long stopping waits for what is being sent. */
  stopMs: 20_000,
};

const AT_A_TIME = 10;

export type MailStats = { sent: number; failed: number; retried: number };

export type MailWorker = {
  /** Claims nothing more, lets what is being sent be finished, and closes the post. */
  stop(): Promise<void>;
  /** Once nothing is left that is due now. */
  idle(): Promise<void>;
  /** Mails since the start: sent, given up, put back. */
  stats(): MailStats;
};

/**
 * Sends what the outbox holds, beside other workers of the same database. Each mail is claimed only when it can be sent
 * at once: so no lease runs out while it waits for its turn.
 */
export function startMailWorker(options: WorkerOptions): MailWorker {
  const { ctx, logger, post, connections } = options;
  const times = { ...TIMES, ...options.times };
  const deliver = createDelivery({ ...options, times });
  const stats = options.stats ?? { sent: 0, failed: 0, retried: 0 };
  const active = new Set<Promise<void>>();
  const nap = createNap();
  const idlers: (() => void)[] = [];
  let stopping = false;
  let pauseMs = 0;
  let pausedUntil = 0;

  const pause = (reason: string) => {
    // Several that failed together are one failure.
    if (performance.now() < pausedUntil) return;
    pauseMs = Math.min(pauseMs === 0 ? times.pauseMs : pauseMs * 2, times.longestPauseMs);
    pausedUntil = performance.now() + pauseMs;
    logger.warn({ reason, pauseMs }, 'mail cannot be sent');
  };

  const settled = (result: Result) => {
    if (result.kind === 'sent') pauseMs = 0;
    if (result.kind in stats) stats[result.kind as keyof MailStats] += 1;
    if (result.kind !== 'unreachable') return;
    stats.retried += 1;
    pause(result.reason);
  };

  const claim = async (): Promise<number> => {
    // A server that was away is tried with one mail first.
    const free = Math.min((pauseMs === 0 ? connections : 1) - active.size, AT_A_TIME);
    const mails = await claimMails(ctx.store, free, times.leaseMs);
    for (const mail of mails) {
      const delivery = deliver(mail).then(settled);
      active.add(delivery);
      void delivery.finally(() => active.delete(delivery));
    }
    return free - mails.length;
  };

  const step = async (): Promise<void> => {
    const paused = pausedUntil - performance.now();
    if (paused > 0) return nap.sleep(paused, { deaf: true });
    if (active.size >= (pauseMs === 0 ? connections : 1)) return Promise.race(active);
    // No mail, with its tokens, is made for a server that is still away.
    const trouble = pauseMs === 0 ? undefined : await post.check();
    if (trouble !== undefined) return pause(trouble);
    if (stopping) return;
    // Whoever asks from now on is answered by the next look: this one may begin before what they wait for is there.
    const asking = idlers.length;
    const left = await claim();
    if (left === 0) return;
    if (asking > 0) {
      if (active.size > 0) return Promise.race(active);
      for (const resolve of idlers.splice(0, asking)) resolve();
    }
    return nap.sleep(times.pollMs);
  };

  const loop = async (): Promise<void> => {
    while (!stopping) {
      await step().catch((error: unknown) => {
        logger.error({ error: describeError(error) }, 'the outbox cannot be read');
        return nap.sleep(times.pollMs, { deaf: true });
      });
    }
  };

  ctx.mailWaits.listen(nap.wake);
  const looping = loop();
  return {
    async stop() {
      stopping = true;
      nap.end();
      await within(
        times.stopMs,
        looping.then(() => Promise.all(active)),
      );
      await post.close();
      // Those that were cut off are put back.
      await within(times.stopMs, Promise.all(active));
      idlers.splice(0).forEach((resolve) => resolve());
    },
    idle: () =>
      new Promise((resolve) => {
        idlers.push(resolve);
        nap.wake();
      }),
    stats: () => ({ ...stats }),
  };
}

/** A sleep that can be ended early. A call that comes while nobody sleeps ends the next sleep. */
function createNap() {
  let called = false;
  let over = false;
  let finish: ((by: 'call' | 'end') => void) | undefined;
  return {
    wake: () => {
      called = true;
      finish?.('call');
    },
    end() {
      over = true;
      finish?.('end');
    },
    /** `deaf`: only the end ends it early. */
    sleep: async (ms: number, { deaf = false } = {}): Promise<void> => {
      if (over || (called && !deaf)) {
        called = false;
        return;
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        finish = (by) => {
          if (deaf && by === 'call') return;
          clearTimeout(timer);
          resolve();
        };
      });
      finish = undefined;
      if (!deaf) called = false;
    },
  };
}

function within(ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void work.finally(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
