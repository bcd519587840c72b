import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 1;
/** As long as SQLite itself would wait. */
const PATIENCE_MS = 5000;

/**
 * Decides which thread of the process writes next. SQLite's own lock protects the data, but waiting for it blocks the
 * event loop, so threads take turns before they reach it. After PATIENCE_MS a thread proceeds without its turn.
 */
export class WriterTurn {
  readonly #taken: Int32Array;

  /** `shared`: the memory that the threads share. */
  constructor(readonly shared = new SharedArrayBuffer(4)) {
    this.#taken = new Int32Array(shared);
  }

  /** Takes the turn: undefined if it was free, as it almost always is; otherwise a promise. */
  take(): Promise<void> | undefined {
    return this.#tryToTake() ? undefined : this.#wait();
  }

  /** Takes the turn by blocking the thread, for a thread that has nothing else to do. */
  takeIdly(): void {
    const until = performance.now() + PATIENCE_MS;
    while (!this.#tryToTake() && performance.now() < until) Atomics.wait(this.#taken, 0, 1, LOOK_MS);
  }

  give(): void {
    Atomics.store(this.#taken, 0, 0);
  }

  #tryToTake(): boolean {
    return Atomics.compareExchange(this.#taken, 0, 0, 1) === 0;
  }

  async #wait(): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    while (!this.#tryToTake() && performance.now() < until) await sleep(LOOK_MS);
  }
}
