import { Worker } from 'node:worker_threads';
import { ApiError } from '../errors.js';
import { threadProgram } from '../thread-program.js';
import type { Face } from './face.js';
import type { Said } from './worker.js';

/** Beyond that the last would wait for seconds. */
const MOST_WAITING = 32;
/** For one picture, on a busy machine: alone it takes a hundredth of that. */
const PATIENCE_MS = 15_000;
/** Before the first, the thread loads its program and fonts. */
const START_MS = 30_000;
const MEMORY_MB = 256;

export type RendererOptions = {
  /** Hears why a thread has died. */
  died?: (error: Error) => void;
  patienceMs?: number;
  mostWaiting?: number;
};

type Job = { face: Face; resolve: (png: Buffer) => void; reject: (error: Error) => void };

const busy = () =>
  new ApiError('overloaded', { detail: 'The picture cannot be drawn just now: come again.' });
const ending = () => new ApiError('shutting_down');

/**
 * Draws pictures, one after the other, in a thread of its own: signing never waits for them. The thread is started for
 * the first picture, and again after it died or was given up.
 */
export class Renderer {
  readonly #waiting: Job[] = [];
  readonly #patienceMs: number;
  readonly #mostWaiting: number;
  #thread: Worker | undefined;
  /** Whether the thread has loaded what it needs. */
  #ready = false;
  #current: Job | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #drawn = 0;
  #failed = 0;

  constructor(private readonly options: RendererOptions = {}) {
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
    this.#mostWaiting = options.mostWaiting ?? MOST_WAITING;
  }

  /** Draws a picture as PNG. Throws `overloaded` when too many wait, when it takes too long, or when the thread died. */
  draw(face: Face): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(ending());
      if (this.#waiting.length >= this.#mostWaiting) return reject(busy());
      this.#waiting.push({ face, resolve, reject });
      this.#next();
    });
  }

  stats(): { drawn: number; failed: number; waiting: number } {
    const waiting = this.#waiting.length + (this.#current ? 1 : 0);
    return { drawn: this.#drawn, failed: this.#failed, waiting };
  }

  async close(): Promise<void> {
    this.#closed = true;
    const last = this.#thread;
    this.#thread = undefined;
    this.#settle((job) => job.reject(ending()));
    for (const job of this.#waiting.splice(0)) job.reject(ending());
    await last?.terminate();
  }

  #next(): void {
    if (this.#current || this.#closed) return;
    this.#current = this.#waiting.shift();
    if (!this.#current) return;
    this.#thread ??= this.#start();
    this.#thread.ref();
    this.#limit(this.#ready ? this.#patienceMs : START_MS);
    this.#thread.postMessage(this.#current.face);
  }

  #start(): Worker {
    this.#ready = false;
    const worker = new Worker(threadProgram(import.meta.url, 'worker'), {
      name: 'pictures',
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    });
    // What an earlier thread still says does not concern the job of the next one.
    const isCurrent = () => worker === this.#thread;
    worker.on('message', (said: Said) => void (isCurrent() && this.#hear(said)));
    worker.on('error', (error: Error) => this.options.died?.(error));
    worker.on('exit', () => void (isCurrent() && this.#giveUp()));
    return worker;
  }

  #hear(said: Said): void {
    if (said === 'ready') {
      this.#ready = true;
      if (this.#current) this.#limit(this.#patienceMs);
    } else if ('png' in said) {
      this.#drawn += 1;
      this.#settle((job) => job.resolve(Buffer.from(said.png)));
    } else {
      this.#failed += 1;
      this.#settle((job) => job.reject(new Error(`a picture could not be drawn: ${said.failed}`)));
    }
  }

  #limit(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#giveUp(), ms);
  }

  #giveUp(): void {
    const dead = this.#thread;
    this.#thread = undefined;
    if (this.#current) this.#failed += 1;
    this.#settle((job) => job.reject(busy()));
    void dead?.terminate();
  }

  /** Answers the job that is being drawn, if there is one, and goes on to the next. */
  #settle(how: (job: Job) => void): void {
    const job = this.#current;
    this.#current = undefined;
    clearTimeout(this.#timer);
    // A thread with nothing to do does not keep the process alive.
    this.#thread?.unref();
    if (job) how(job);
    this.#next();
  }
}
