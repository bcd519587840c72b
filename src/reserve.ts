import { randomBytes } from 'node:crypto';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** Enough for a log that is moved into the database again and again. */
const BYTES = 512 * 1024;
/** How often a spent one is tried to be kept again. */
const REST_MS = 100;

/** A file that takes space away from a disk, so that there is some when the disk is full. */
export class Reserve {
  /** Whether it was given up. */
  spent = false;
  #triedAt = -Infinity;

  constructor(
    private readonly file: string,
    private readonly bytes = BYTES,
  ) {
    this.spent = !this.keep();
  }

  /** Takes the space, unless it has it already. Returns whether it has. */
  keep(): boolean {
    if (performance.now() - this.#triedAt < REST_MS) return !this.spent;
    this.#triedAt = performance.now();
    try {
      // Not zeros: some file systems take no space for them.
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

  /** Gives the space up. Returns whether there was any. */
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
