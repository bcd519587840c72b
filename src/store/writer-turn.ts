import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 1;
/** As long as SQLite itself would wait. */
const PATIENCE_MS = 5000;
/** So long, at most, a thread that blocks lets one that cannot block go first. */
const COURTESY_MS = 5;

/** What is in the shared memory: 1 while a thread has the turn; how many wait for it that cannot block. */
const TAKEN = 0;
const WAITING = 1;

/** The memory that the threads share. */
export const turnMemory = (): SharedArrayBuffer => new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);

/**
 * Decides which thread of the process writes next. SQLite's own lock protects the data, but waiting for it blocks the
 * event loop, so threads take turns before they reach it. After PATIENCE_MS a thread proceeds without its turn.
 */
export class WriterTurn {
  readonly #memory: Int32Array;

  constructor(readonly shared = turnMemory()) {
    this.#memory = new Int32Array(shared);
  }

  /** Takes the turn: undefined if it was free, as it almost always is; otherwise a promise. */
  take(): Promise<void> | undefined {
    return this.#tryToTake() ? undefined : this.#wait();
  }

  /**
   * Takes the turn by blocking the thread, for a thread that has nothing else to do. It would always be faster than
   * those that look for their turn from time to time: while one of them waits, it lets that one go first.
   */
  takeIdly(): void {
    const waiting = Atomics.load(this.#memory, WAITING);
    if (waiting > 0) Atomics.wait(this.#memory, WAITING, waiting, COURTESY_MS);
    const until = performance.now() + PATIENCE_MS;
    while (!this.#tryToTake() && performance.now() < until) Atomics.wait(this.#memory, TAKEN, 1, LOOK_MS);
  }

  give(): void {
    Atomics.store(this.#memory, TAKEN, 0);
    Atomics.notify(this.#memory, TAKEN, 1);
  }

  #tryToTake(): boolean {
    return Atomics.compareExchange(this.#memory, TAKEN, 0, 1) === 0;
  }

  async #wait(): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    Atomics.add(this.#memory, WAITING, 1);
    while (!this.#tryToTake() && performance.now() < until) await sleep(LOOK_MS);
    Atomics.sub(this.#memory, WAITING, 1);
    Atomics.notify(this.#memory, WAITING);
  }
}
