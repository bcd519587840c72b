import type { Context } from '../../core/context.js';
import { judgeMailing } from '../../core/sending/breaker.js';
import { endLapsed } from '../../core/sending/lapses.js';
import type { MailingJournal } from '../../core/sending/mailing-journal.js';
import { pauseUnusable, readMailing, workLeft, type WorkLeft } from '../../core/sending/open-mailings.js';
import { ApiError, describeError } from '../../errors.js';
import { domainOf, type Logger } from '../delivery.js';
import { Nap } from '../nap.js';
import { Outage } from '../outage.js';
import { createComposer, type ComposeOptions } from './compose.js';
import { Sender } from './sender.js';
import type { Wire } from './wire.js';

export type CampaignOptions = Omit<ComposeOptions, 'ctx'> & {
  ctx: Context;
  wire: Wire;
  sign?: (message: Buffer) => Promise<Buffer>;
  journal: MailingJournal;
  logger: Logger;
  /** How many mails may be sent at the same time. */
  connections: number;
  /** Adds a chunk to the audience of a mailing that is being built; true: it is built. */
  build?: (ctx: Context, mailingKey: number) => Promise<boolean>;
  /** What else is due by the clock: starting what is scheduled, choosing winners. */
  chores?: readonly ((ctx: Context) => Promise<unknown>)[];
  /** For tests. */
  times?: Partial<typeof TIMES>;
};

export const TIMES = {
  /** How often the database is asked what is to be done: other processes write to it, too. */
  pollMs: 300,
  /** How long recipients belong to a process that does not prolong it. */
  leaseMs: 60_000,
  /** How often lapsed leases and what is due by the clock are looked for. */
  sweepMs: 2000,
  pauseMs: 1000,
  longestPauseMs: 300_000,
  /** How long stopping waits for mails that are being sent. */
  stopMs: 5000,
};

/** Sends mailings. Other processes may share the database, and send the same ones. */
export class MailingWorker {
  readonly #times: typeof TIMES;
  readonly #nap = new Nap();
  readonly #outage: Outage;
  readonly #owner: Buffer;
  readonly #senders = new Map<number, Sender>();
  /** What goes on beside the sending: chores, and mailings that are being built. */
  readonly #beside = new Map<unknown, Promise<void>>();
  #stopping = false;
  #looping = Promise.resolve();
  #sweepAt = 0;
  #pollAt = 0;

  constructor(private readonly options: CampaignOptions) {
    this.#times = { ...TIMES, ...options.times };
    this.#outage = new Outage(this.#times, options.logger);
    this.#owner = options.ctx.random(16);
  }

  /** To be called once. */
  start(): this {
    this.#looping = this.#loop();
    return this;
  }

  /** Stops within seconds: what was sent is recorded, and what was not begun is given back. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#nap.end();
    await this.#looping;
    const senders = [...this.#senders.values()];
    await within(this.#times.stopMs, Promise.all(this.#beside.values()));
    const flying = () => Promise.all(senders.map((sender) => sender.landed()));
    await within(this.#times.stopMs, flying());
    await this.options.wire.close();
    await within(this.#times.stopMs, flying());
    for (const sender of senders) await sender.letGo().catch((error: unknown) => this.#complain(error));
  }

  async #loop(): Promise<void> {
    while (!this.#stopping) {
      try {
        await this.#step();
      } catch (error) {
        this.#complain(error);
        await this.#nap.sleep(this.#times.pollMs, { deaf: true });
      }
    }
  }

  #complain(error: unknown): void {
    this.options.logger.error({ error: describeError(error) }, 'mailings cannot be sent');
  }

  async #step(): Promise<void> {
    const now = performance.now();
    if (now >= this.#pollAt) {
      this.#pollAt = now + this.#times.pollMs;
      await this.#look(now);
    }
    const senders = [...this.#senders.values()];
    const share = Math.max(1, Math.floor(this.#most / Math.max(1, senders.length)));
    const results = await Promise.allSettled(senders.map((sender) => sender.turn(share)));
    for (const [i, result] of results.entries()) {
      const sender = senders[i] as Sender;
      if (result.status === 'fulfilled' && !result.value) this.#senders.delete(sender.mailingKey);
    }
    const failed = results.find(({ status }) => status === 'rejected');
    if (failed) throw (failed as PromiseRejectedResult).reason;
    if (!senders.some((sender) => sender.isUrgent(share))) await this.#nap.sleep(this.#times.pollMs);
  }

  /** How many mails may be under way: during an outage none, after it a single one is tried first. */
  get #most(): number {
    if (this.#outage.left > 0) return 0;
    return this.#outage.isOver ? this.options.connections : 1;
  }

  /** Looks what is to be done. */
  async #look(now: number): Promise<void> {
    const { ctx, chores = [] } = this.options;
    const sweeps = now >= this.#sweepAt;
    if (sweeps) {
      this.#sweepAt = now + this.#times.sweepMs;
      for (const chore of chores) this.#run(chore, () => chore(ctx));
    }
    for (const work of await workLeft(ctx.store.read)) {
      if (work.state === 'building') this.#build(work.key);
      if (sweeps) await this.#sweep(work);
      const sends = work.state === 'running' || work.state === 'deciding';
      if (sends && !this.#senders.has(work.key)) await this.#begin(work.key);
    }
  }

  async #sweep({ key, organizationKey, state, open }: WorkLeft): Promise<void> {
    const { store } = this.options.ctx;
    const claimer = { key, organizationKey, senderDomain: domainOf(this.options.from) };
    if (open.claimed || open.sending) while (await store.transact((tx) => endLapsed(tx, claimer)));
    if (state === 'running' || state === 'deciding') await store.transact((tx) => judgeMailing(tx, key));
  }

  #build(mailingKey: number): void {
    const { ctx, build } = this.options;
    if (!build) return;
    this.#run(mailingKey, async () => {
      while (!this.#stopping && !(await build(ctx, mailingKey)));
    });
  }

  /** Goes on beside the sending, once at a time. If it fails, it is tried again when it is next due. */
  #run(what: unknown, work: () => Promise<unknown>): void {
    if (this.#beside.has(what)) return;
    const running = Promise.resolve()
      .then(work)
      .catch((error: unknown) => this.#complain(error))
      .finally(() => {
        this.#beside.delete(what);
        this.#pollAt = 0;
        this.#nap.wake();
      });
    this.#beside.set(what, running as Promise<void>);
  }

  async #begin(mailingKey: number): Promise<void> {
    const { ctx, logger } = this.options;
    const mailing = await readMailing(ctx.store.read, mailingKey);
    if (!mailing) return;
    try {
      const compose = await createComposer(this.options, mailing);
      const lease = { owner: this.#owner, leaseMs: this.#times.leaseMs };
      const isStopping = () => this.#stopping;
      const parts = {
        ...this.options,
        sign: this.options.sign,
        mailing,
        compose,
        lease,
        outage: this.#outage,
        isStopping,
      };
      this.#senders.set(mailingKey, new Sender(parts, () => this.#nap.wake()));
    } catch (error) {
      // Trouble of the database, not of the text.
      if (error instanceof ApiError) throw error;
      logger.error({ error: describeError(error), mailing: mailing.publicId }, 'a mailing cannot be made');
      await ctx.store.transact((tx) => pauseUnusable(tx, mailingKey));
    }
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
