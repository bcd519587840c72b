import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 1;
/** As long as SQLite itself would wait. */
const PATIENCE_MS = 5000;

/**
 * Whose turn it is to write, among the threads of a process. SQLite's own lock keeps them apart anyway, but whoever meets
 * it waits without doing anything else: no request would be read meanwhile. So whoever has waited for too long goes on.
 */
export class WriterTurn {
  readonly #taken: Int32Array;

  /** `shared`: what the threads have in common. */
  constructor(readonly shared = new SharedArrayBuffer(4)) {
    this.#taken = new Int32Array(shared);
  }

  /** Undefined when it is free: nearly always. */
  take(): Promise<void> | undefined {
    return this.#tryToTake() ? undefined : this.#wait();
  }

  /** For a thread with nothing else to do. */
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
