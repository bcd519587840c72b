import { closeSync, fdatasync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

/** The disk did not take what is committed. `code`: of the system, such as EIO. */
export class SyncFailed extends Error {
  readonly code: string | undefined;

  constructor(cause: NodeJS.ErrnoException) {
    super('the log could not be synced', { cause });
    this.code = cause.code;
  }
}

/**
 * Makes the commits of a write-ahead log durable, on another thread: SQLite would wait for the disk on the one that reads
 * the next requests.
 */
export class LogSync {
  readonly #log: number;

  /** `file`: the database, opened and in WAL mode. */
  constructor(file: string) {
    this.#log = openSync(`${file}-wal`, 'r+');
    // A log whose name is lost is lost.
    const folder = openSync(dirname(file), 'r');
    fsyncSync(folder);
    closeSync(folder);
  }

  /** Resolves when all that is committed is on the disk. Throws `SyncFailed`: then nobody knows what is. */
  synced(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#log, (error) => {
        if (error) reject(new SyncFailed(error));
        else resolve();
      });
    });
  }

  close(): void {
    closeSync(this.#log);
  }
}
