import type { Context } from '../core/context.js';
import { claimMails } from '../core/mail/outbox.js';
import { describeError } from '../errors.js';
import { createDelivery, DELIVERY_TIMES, type DeliveryOptions, type Result } from './delivery.js';
import { Nap } from './nap.js';

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

/**
 * Sends what the outbox holds, beside other workers of the same database. Each mail is claimed only when it can be sent
 * at once: so no lease runs out while it waits for its turn.
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
  /** Mails on their way. */
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

  /** Once nothing is left that is due now. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idlers.push(resolve);
      this.#nap.wake();
    });
  }

  /** Claims nothing more, lets what is being sent be finished, and closes the post. */
  async stop(): Promise<void> {
    const { stopMs } = this.#times;
    this.#stopping = true;
    this.#nap.end();
    await within(
      stopMs,
      this.#looping.then(() => Promise.all(this.#active)),
    );
    await this.options.post.close();
    // Those that were cut off are put back.
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
    // No mail, with its tokens, is made for a server that is still away.
    const trouble = this.#outage.isOver ? undefined : await this.options.post.check();
    if (trouble !== undefined) return this.#outage.goOn(trouble);
    if (this.#stopping) return;
    // Those who ask from now on are answered by the next look: this one may begin before what they wait for is there.
    const asking = this.#idlers.length;
    const left = await this.#claim();
    if (left === 0) return;
    if (asking > 0) {
      if (this.#active.size > 0) return Promise.race(this.#active);
      for (const resolve of this.#idlers.splice(0, asking)) resolve();
    }
    return this.#nap.sleep(this.#times.pollMs);
  }

  /** How many mails may be on their way: a server that was away is tried with one first. */
  get #most(): number {
    return this.#outage.isOver ? this.options.connections : 1;
  }

  /** Begins to send what is due. Returns how many more could have been sent. */
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

/** Whether the mail server can be used. While it cannot, it is left alone for longer each time that it was tried. */
class Outage {
  #pauseMs = 0;
  #until = 0;

  constructor(
    private readonly times: Pick<typeof TIMES, 'pauseMs' | 'longestPauseMs'>,
    private readonly logger: WorkerOptions['logger'],
  ) {}

  get isOver(): boolean {
    return this.#pauseMs === 0;
  }

  /** For how many milliseconds the server is still left alone; 0 or less: it may be tried. */
  get left(): number {
    return this.#until - performance.now();
  }

  /** The server could not be used, for this reason. */
  goOn(reason: string): void {
    // Several that failed together are one failure.
    if (this.left > 0) return;
    const { pauseMs, longestPauseMs } = this.times;
    this.#pauseMs = Math.min(this.isOver ? pauseMs : this.#pauseMs * 2, longestPauseMs);
    this.#until = performance.now() + this.#pauseMs;
    this.logger.warn({ reason, pauseMs: this.#pauseMs }, 'mail cannot be sent');
  }

  end(): void {
    this.#pauseMs = 0;
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
