import { closeSync, fdatasync, fdatasyncSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DiskFailed } from './disk-failed.js';

/**
 * Makes SQLite's commits durable with an fdatasync on another thread; SQLite itself would block the event loop. A
 * dedicated thread has nothing else to do meanwhile, and syncs itself.
 */
export class LogSync {
  readonly #log: number;
  #closed = false;

  /** `file`: the database, already open in WAL mode. */
  constructor(
    file: string,
    private readonly dedicated = false,
  ) {
    this.#log = openSync(`${file}-wal`, 'r+');
    // The folder, too: a log file whose directory entry is lost is lost.
    const folder = openSync(dirname(file), 'r');
    fsyncSync(folder);
    closeSync(folder);
  }

  /** Resolves when everything committed is on the disk. Throws `DiskFailed`. */
  synced(): Promise<void> | void {
    if (this.dedicated) return this.#sync();
    return new Promise((resolve, reject) => {
      fdatasync(this.#log, (error) => {
        if (error) reject(failure(error));
        else resolve();
      });
    });
  }

  #sync(): void {
    try {
      fdatasyncSync(this.#log);
    } catch (error) {
      throw failure(error as NodeJS.ErrnoException);
    }
  }

  close(): void {
    if (!this.#closed) closeSync(this.#log);
    this.#closed = true;
  }
}

const failure = ({ code }: NodeJS.ErrnoException) => new DiskFailed('the log could not be synced', code);
