import { CallGroups } from './call-groups.js';
import type { Answers } from './calls.js';
import type { Context } from './core/context.js';
import { verbsBy, type Verbs } from './core/verbs/verbs.js';
import type { Alongside, StoreStats, Wrote } from './store/store.js';
import type { StoreThreadData } from './store-thread.js';
import { threadProgram } from './thread-program.js';
import { startThread, type ThreadOptions } from './worker-thread.js';

export type StoreThreadOptions = Pick<ThreadOptions, 'logger' | 'onFailure'> &
  Omit<StoreThreadData, 'levels'>;

/**
 * The main thread's end of the store thread. SQLite has one writer, and signing keeps it busy: on a thread of its own it
 * leaves this one, which speaks HTTP, a core to itself. Everything else still writes from here: both take turns, as the
 * mail threads do (WriterTurn).
 */
export class StoreThread implements Alongside {
  readonly #groups: CallGroups;
  #thread: Awaited<ReturnType<typeof startThread>> | undefined;
  #stats: StoreStats = { waiting: 0, transactions: 0, commits: 0 };
  #heard: ((wrote: Wrote) => void)[] = [];
  #rang: () => void = () => undefined;

  constructor(maxWaiting: number) {
    this.#groups = new CallGroups({ maxWaiting, post: (calls) => this.#thread?.ask(calls) });
  }

  /** Starts it on a database that this process has opened. */
  async start({ logger, onFailure, ...data }: StoreThreadOptions): Promise<void> {
    const failed = (error: unknown) => {
      this.#groups.fail();
      onFailure(error);
    };
    this.#thread = await startThread(threadProgram(import.meta.url, 'store-thread'), {
      name: 'store',
      data,
      logger,
      onFailure: failed,
      onEnd: failed,
      hear: (said) => this.#answered(said as Answers),
    });
  }

  verbs(ctx: Pick<Context, 'mailWaits'>): Verbs {
    this.#rang = ctx.mailWaits;
    return verbsBy((verb, args) => this.#groups.call(verb, args));
  }

  stats(): StoreStats {
    return { ...this.#stats, waiting: this.#groups.inside };
  }

  listen(heard: (wrote: Wrote) => void): void {
    this.#heard.push(heard);
  }

  /** Waits for the calls inside, then ends the thread. */
  async stop(): Promise<void> {
    await this.#groups.drain();
    await this.#thread?.stop();
  }

  #answered(said: Answers): void {
    this.#stats = said.stats;
    for (const heard of this.#heard) heard(said.wrote);
    if (said.rang) this.#rang();
    this.#groups.answered(said);
  }
}
