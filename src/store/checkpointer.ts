import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import { threadProgram } from '../thread-program.js';
import type { Asked, Said } from './checkpoint-thread.js';
import { DiskFailed } from './disk-failed.js';
import { frameCounter, isIoCode, isIoError, LOG_FRAMES } from './sqlite-connection.js';
import type { WriterTurn } from './writer-turn.js';

const CLEAN_REST_MS = 500;

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
  #toClean = false;
  #cleaning = false;
  #pause: NodeJS.Timeout | undefined;

  constructor(
    private readonly file: string,
    writer: Database.Database,
    private readonly turn: WriterTurn,
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

  /** Cuts the log off, soon: nothing that was deleted or changed stays in it. */
  clean(): void {
    this.#toClean = true;
    if (this.#cleaning || this.#pause) return;
    this.#toClean = false;
    this.#cleaning = true;
    this.#thread ??= this.#start();
    this.#thread.postMessage('clean' satisfies Asked);
  }

  async close(): Promise<void> {
    clearTimeout(this.#pause);
    if (this.#toClean) {
      this.#pause = undefined;
      this.clean();
    }
    if (!this.#thread) return;
    this.#thread.ref();
    const exit = once(this.#thread, 'exit');
    this.#thread.postMessage('close' satisfies Asked);
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
    this.#thread.postMessage('move' satisfies Asked);
  }

  /** Writers wait while it is done: so not again at once, however often it is asked for. */
  #cleaned(done: boolean): void {
    if (!this.#cleaning) return;
    this.#cleaning = false;
    this.#toClean ||= !done;
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (this.#toClean) this.clean();
    }, CLEAN_REST_MS).unref();
  }

  #start(): Worker {
    const thread = new Worker(threadProgram(import.meta.url, 'checkpoint-thread'), {
      name: 'checkpoints',
      execArgv: [],
      workerData: { file: this.file, turn: this.turn.shared },
    });
    const done = (failure?: string) => {
      this.#state = 'moved';
      this.#failure = failure;
    };
    thread.on('message', (said: Said) => ('clean' in said ? this.#cleaned(said.clean) : done(said.failure)));
    // It could not begin: then the writer moves all of it.
    thread.on('error', () => {
      done();
      this.#cleaned(false);
    });
    thread.once('exit', () => {
      if (this.#thread === thread) this.#thread = undefined;
    });
    thread.unref();
    return thread;
  }
}
