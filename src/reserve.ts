import { randomBytes } from 'node:crypto';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** Enough for a write-ahead log that is checkpointed repeatedly. */
const BYTES = 512 * 1024;
/** How often it is tried to take the space again. */
const REST_MS = 100;

/** A file that reserves disk space, to be given up when the disk is full. */
export class Reserve {
  /** Whether the space was given up. */
  spent = false;
  #triedAt = -Infinity;

  constructor(
    private readonly file: string,
    private readonly bytes = BYTES,
  ) {
    this.spent = !this.keep();
  }

  /** Takes the space unless it is already taken. Returns whether it is. */
  keep(): boolean {
    if (performance.now() - this.#triedAt < REST_MS) return !this.spent;
    this.#triedAt = performance.now();
    try {
      // Random bytes: some file systems store no blocks for zeros.
      if (statSync(this.file, { throwIfNoEntry: false })?.size !== this.bytes) {
        writeFileSync(this.file, randomBytes(this.bytes), { mode: 0o600 });
      }
      this.spent = false;
    } catch {
      rmSync(this.file, { force: true });
      this.spent = true;
    }
    return !this.spent;
  }

  /** Gives the space up. Returns whether it was still taken. */
  spend(): boolean {
    if (this.spent) return false;
    rmSync(this.file, { force: true });
    this.spent = true;
    this.#triedAt = performance.now();
    return true;
  }

  end(): void {
    rmSync(this.file, { force: true });
  }
}
