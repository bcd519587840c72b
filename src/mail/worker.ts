import type { Context } from '../core/context.js';
import { claimMails } from '../core/mail/outbox.js';
import { describeError } from '../errors.js';
import { createDelivery, DELIVERY_TIMES, type DeliveryOptions, type Result } from './delivery.js';
import { Nap } from './nap.js';
import { Outage } from './outage.js';

export type WorkerOptions = Omit<DeliveryOptions, 'times'> & {
  ctx: Context;
  /** How many mails may be sent at the same time. */
  connections: number;
  /** The counters to use; new ones if absent. */
  stats?: MailStats;
  /** For tests. */
  times?: Partial<typeof TIMES>;
};

const TIMES = {
  ...DELIVERY_TIMES,
  /** How often the outbox is read without being woken: other processes write to it, too. */
  pollMs: 1000,
  /** Longer than preparing and sending a mail can take. */
  leaseMs: 120_000,
  /** How long to wait before trying an unusable mail server again; doubled after each failure. */
  pauseMs: 1000,
  longestPauseMs: 300_000,
  /** How long stopping waits for mails that are being sent. */
  stopMs: 20_000,
};

const AT_A_TIME = 10;

export type MailStats = { sent: number; failed: number; retried: number };

/**
 * Sends the mails of the outbox. Other workers may share the database. A mail is claimed only when it can be sent at
 * once, so that its lease does not run out while it waits.
 */
export function startMailWorker(options: WorkerOptions): MailWorker {
  const worker = new MailWorker(options);
  worker.start();
  return worker;
}

export class MailWorker {
  readonly #times: typeof TIMES;
  readonly #deliver: ReturnType<typeof createDelivery>;
  readonly #stats: MailStats;
  readonly #outage: Outage;
  readonly #nap = new Nap();
  /** Mails that are being sent. */
  readonly #active = new Set<Promise<void>>();
  readonly #idlers: (() => void)[] = [];
  #stopping = false;
  #looping = Promise.resolve();

  constructor(private readonly options: WorkerOptions) {
    this.#times = { ...TIMES, ...options.times };
    this.#deliver = createDelivery({ ...options, times: this.#times });
    this.#stats = options.stats ?? { sent: 0, failed: 0, retried: 0 };
    this.#outage = new Outage(this.#times, options.logger);
  }

  /** Mails since the start: sent, given up, put back. */
  stats(): MailStats {
    return { ...this.#stats };
  }

  /** To be called once. */
  start(): void {
    this.options.ctx.mailWaits.listen(() => this.#nap.wake());
    this.#looping = this.#loop();
  }

  /** Resolves once no mail is due. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idlers.push(resolve);
      this.#nap.wake();
    });
  }

  /** Stops claiming, waits at most `stopMs` for mails that are being sent, and closes the connections. */
  async stop(): Promise<void> {
    const { stopMs } = this.#times;
    this.#stopping = true;
    this.#nap.end();
    await within(
      stopMs,
      this.#looping.then(() => Promise.all(this.#active)),
    );
    await this.options.post.close();
    // Mails that were cut off are put back.
    await within(stopMs, Promise.all(this.#active));
    for (const resolve of this.#idlers.splice(0)) resolve();
  }

  async #loop(): Promise<void> {
    while (!this.#stopping) {
      await this.#step().catch((error: unknown) => {
        this.options.logger.error({ error: describeError(error) }, 'the outbox cannot be read');
        return this.#nap.sleep(this.#times.pollMs, { deaf: true });
      });
    }
  }

  async #step(): Promise<void> {
    const { left: paused } = this.#outage;
    if (paused > 0) return this.#nap.sleep(paused, { deaf: true });
    if (this.#active.size >= this.#most) return Promise.race(this.#active);
    // No mail, with its tokens, is prepared while the server is still unusable.
    const trouble = this.#outage.isOver ? undefined : await this.options.post.check();
    if (trouble !== undefined) return this.#outage.goOn(trouble);
    if (this.#stopping) return;
    // Calls of `idle` from now on wait for the next step: this claim may have begun before their mail was queued.
    const asking = this.#idlers.length;
    const left = await this.#claim();
    if (left === 0) return;
    if (asking > 0) {
      if (this.#active.size > 0) return Promise.race(this.#active);
      for (const resolve of this.#idlers.splice(0, asking)) resolve();
    }
    return this.#nap.sleep(this.#times.pollMs);
  }

  /** How many mails may be sent at the same time: after an outage a single one is tried first. */
  get #most(): number {
    return this.#outage.isOver ? this.options.connections : 1;
  }

  /** Begins to send due mails. Returns how many more could have been sent. */
  async #claim(): Promise<number> {
    const free = Math.min(this.#most - this.#active.size, AT_A_TIME);
    const mails = await claimMails(this.options.ctx.store, free, this.#times.leaseMs);
    for (const mail of mails) {
      const delivery = this.#deliver(mail).then((result) => this.#settled(result));
      this.#active.add(delivery);
      void delivery.finally(() => this.#active.delete(delivery));
    }
    return free - mails.length;
  }

  #settled(result: Result): void {
    if (result.kind === 'sent') this.#outage.end();
    if (result.kind in this.#stats) this.#stats[result.kind as keyof MailStats] += 1;
    if (result.kind !== 'unreachable') return;
    this.#stats.retried += 1;
    this.#outage.goOn(result.reason);
  }
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
