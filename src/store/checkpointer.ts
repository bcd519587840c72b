import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import { threadProgram } from '../thread-program.js';
import type { CheckpointCommand, CheckpointResult } from './checkpoint-thread.js';
import { DiskFailed } from './disk-failed.js';
import { frameCounter, isIoCode, isIoError, LOG_FRAMES } from './sqlite-connection.js';
import type { WriterTurn } from './writer-turn.js';

const CLEAN_REST_MS = 500;

/**
 * Moves SQLite's write-ahead log into the database. In a large database its pages are scattered over the file, and the
 * disk needs a tenth of a second for them; so that happens on another thread, while signing goes on. The writer itself
 * moves only what was written meanwhile, since a log can restart only when all of it is moved.
 */
export class Checkpointer {
  readonly #framesLeft: () => number;
  readonly #rest: Database.Statement;
  #thread: Worker | undefined;
  #state: 'idle' | 'moving' | 'moved' = 'idle';
  /** SQLite's code of the thread's latest error. */
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

  /** Call it between two transactions: starts and finishes moves. Throws `DiskFailed`. */
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

  /** Truncates the log soon, so that deleted and changed data does not stay in it. */
  clean(): void {
    this.#toClean = true;
    if (this.#cleaning || this.#pause) return;
    this.#toClean = false;
    this.#cleaning = true;
    this.#thread ??= this.#start();
    this.#thread.postMessage('clean' satisfies CheckpointCommand);
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
    this.#thread.postMessage('close' satisfies CheckpointCommand);
    await exit;
  }

  #finish(): void {
    try {
      this.#rest.get();
    } catch (error) {
      // On a full disk the log grows until there is space again.
      if (isIoError(error)) throw error;
    }
  }

  #move(): void {
    this.#state = 'moving';
    this.#thread ??= this.#start();
    this.#thread.postMessage('move' satisfies CheckpointCommand);
  }

  /** Cleaning blocks writers, so the next one has to wait a while, however often it is requested. */
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
    thread.on('message', (said: CheckpointResult) =>
      'clean' in said ? this.#cleaned(said.clean) : done(said.failure),
    );
    // The thread could not start or crashed: the writer then moves everything itself.
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
