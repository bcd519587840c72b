import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import { threadProgram } from '../thread-program.js';
import type { Said } from './checkpoint-thread.js';
import { DiskFailed } from './disk-failed.js';
import { frameCounter, isIoCode, isIoError, LOG_FRAMES } from './sqlite-connection.js';

/**
 * Moves the write-ahead log into the database. With many rows its pages lie anywhere in the file, and the disk takes a
 * tenth of a second for them: on another thread, while signing goes on. Only what was written meanwhile is left to the
 * writer, since a log begins anew only when all of it is moved.
 */
export class Checkpointer {
  readonly #framesLeft: () => number;
  readonly #rest: Database.Statement;
  #thread: Worker | undefined;
  #state: 'idle' | 'moving' | 'moved' = 'idle';
  /** What the thread has met, as SQLite's code. */
  #failure: string | undefined;

  constructor(
    private readonly file: string,
    writer: Database.Database,
  ) {
    this.#framesLeft = frameCounter(writer);
    this.#rest = writer.prepare('pragma wal_checkpoint(passive)');
  }

  /** To be called between two transactions. Throws when the disk has failed. */
  look(): void {
    if (this.#state === 'moving') return;
    if (isIoCode(this.#failure)) throw new DiskFailed('the log could not be moved', this.#failure);
    if (this.#state === 'moved') {
      this.#state = 'idle';
      this.#finish();
    } else if (this.#framesLeft() > LOG_FRAMES) {
      this.#move();
    }
  }

  async close(): Promise<void> {
    if (!this.#thread) return;
    this.#thread.ref();
    const exit = once(this.#thread, 'exit');
    this.#thread.postMessage('close');
    await exit;
  }

  #finish(): void {
    try {
      this.#rest.get();
    } catch (error) {
      // On a full disk the log goes on, until there is room.
      if (isIoError(error)) throw error;
    }
  }

  #move(): void {
    this.#state = 'moving';
    this.#thread ??= this.#start();
    this.#thread.postMessage('move');
  }

  #start(): Worker {
    const thread = new Worker(threadProgram(import.meta.url, 'checkpoint-thread'), {
      name: 'checkpoints',
      execArgv: [],
      workerData: { file: this.file },
    });
    const done = (failure?: string) => {
      this.#state = 'moved';
      this.#failure = failure;
    };
    thread.on('message', ({ failure }: Said) => done(failure));
    // It could not begin: then the writer moves all of it.
    thread.on('error', () => done());
    thread.once('exit', () => {
      if (this.#thread === thread) this.#thread = undefined;
    });
    thread.unref();
    return thread;
  }
}
