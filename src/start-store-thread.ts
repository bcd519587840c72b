import { CallGroups } from './call-groups.js';
import type { Answers, Calls } from './calls.js';
import type { Context } from './core/context.js';
import { verbsBy, type Verbs } from './core/verbs/verbs.js';
import type { Alongside, Joined, StoreStats } from './store/store.js';
import type { StoreThreadData } from './store-thread.js';
import { threadProgram } from './thread-program.js';
import { startThread, type ThreadOptions } from './worker-thread.js';

export type StoreThreadOptions = Pick<ThreadOptions, 'logger' | 'onFailure'> &
  Required<Pick<ThreadOptions, 'onEnd'>> &
  Omit<StoreThreadData, 'levels'> & {
    /** For tests that set the clock: where it stands; undefined: it is the real one. */
    clock?: () => number | undefined;
  };

/**
 * The main thread's end of the store thread. SQLite has one writer, and signing keeps it busy: on a thread of its own it
 * leaves this one, which speaks HTTP, a core to itself. All else is still written from here: the two take turns, as they
 * do with the mail threads (WriterTurn). What the brakes keep in memory is kept there alone.
 */
export class StoreThread implements Alongside {
  readonly #groups = new CallGroups((calls) => this.#post({ calls }));
  #post: (calls: Calls) => void = () => undefined;
  #stop: () => Promise<void> = () => Promise.resolve();
  #store: Joined | undefined;
  done: Omit<StoreStats, 'waiting'> = { transactions: 0, commits: 0 };
  #wakeMail: () => void = () => undefined;

  /** Starts it on a database that this process has opened. */
  async start({ logger, onFailure, onEnd, clock, ...options }: StoreThreadOptions): Promise<void> {
    const { file, config, erasureJournal, rootKey, turn } = options;
    const data = { file, config, erasureJournal, rootKey, turn };
    const failing = (tell: (error: unknown) => void) => (error: unknown) => {
      this.fail();
      tell(error);
    };
    const { ask, stop } = await startThread(threadProgram(import.meta.url, 'store-thread'), {
      name: 'store',
      data,
      logger,
      onFailure: failing(onFailure),
      onEnd: failing(onEnd),
      hear: (said) => this.#answered(said as Answers),
    });
    this.#stop = stop;
    this.#post = ({ calls }) => ask({ calls, now: clock?.() } satisfies Calls);
  }

  /** The verbs, for routes with this Context. */
  verbs({ mailWaits }: Pick<Context, 'mailWaits'>): Verbs {
    this.#wakeMail = mailWaits;
    return verbsBy((verb, args) => {
      const refusal = this.#store?.refusal();
      return refusal ? Promise.reject(refusal) : this.#groups.call(verb, args);
    });
  }

  get waiting(): number {
    return this.#groups.inside;
  }

  join(store: Joined): void {
    this.#store = store;
  }

  fail(): void {
    this.#groups.fail();
    this.#store?.fail();
  }

  /** Waits for the calls inside, then ends the thread. */
  async stop(): Promise<void> {
    await this.#groups.drain();
    await this.#stop();
  }

  #answered(said: Answers): void {
    this.done = said.done;
    this.#store?.committed(said.wrote);
    if (said.rang) this.#wakeMail();
    this.#groups.answered(said);
  }
}
