import { closeSync, fdatasync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DiskFailed } from './disk-failed.js';

/**
 * Makes the commits of a write-ahead log durable, on another thread: SQLite would wait for the disk on the one that reads
 * the next requests.
 */
export class LogSync {
  readonly #log: number;
  #closed = false;

  /** `file`: the database, opened and in WAL mode. */
  constructor(file: string) {
    this.#log = openSync(`${file}-wal`, 'r+');
    // A log whose name is lost is lost.
    const folder = openSync(dirname(file), 'r');
    fsyncSync(folder);
    closeSync(folder);
  }

  /** Resolves when all that is committed is on the disk. Throws `DiskFailed`. */
  synced(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#log, (error) => {
        if (error) reject(new DiskFailed('the log could not be synced', error.code));
        else resolve();
      });
    });
  }

  close(): void {
    if (!this.#closed) closeSync(this.#log);
    this.#closed = true;
  }
}
