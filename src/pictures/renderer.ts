import { Worker } from 'node:worker_threads';
import { ApiError } from '../errors.js';
import { threadProgram } from '../thread-program.js';
import type { PictureContent } from './content.js';
import type { RenderResult } from './worker.js';

/** With more pictures in the queue, the last would wait for seconds. */
const MOST_WAITING = 32;
/** The time limit for a picture on a busy machine; usually it takes a hundredth of that. */
const PATIENCE_MS = 15_000;
/** The time limit for starting the thread, which loads its program and fonts. */
const START_MS = 30_000;
const MEMORY_MB = 256;

export type RendererOptions = {
  /** Called with the error when a thread dies. */
  died?: (error: Error) => void;
  patienceMs?: number;
  mostWaiting?: number;
};

type Job = { content: PictureContent; resolve: (png: Buffer) => void; reject: (error: Error) => void };

const busy = () =>
  new ApiError('overloaded', { detail: 'The picture cannot be drawn just now: come again.' });
const ending = () => new ApiError('shutting_down');

/**
 * Draws pictures one by one in a separate thread, so that signing never waits for them. The thread is started for the
 * first picture, and again after it has died or was terminated.
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

  /**
   * Draws a picture as PNG. Throws `overloaded` if too many wait, it takes too long or the thread dies;
   * `shutting_down`.
   */
  draw(content: PictureContent): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(ending());
      if (this.#waiting.length >= this.#mostWaiting) return reject(busy());
      this.#waiting.push({ content, resolve, reject });
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
    this.#thread.postMessage(this.#current.content);
  }

  #start(): Worker {
    this.#ready = false;
    const worker = new Worker(threadProgram(import.meta.url, 'worker'), {
      name: 'pictures',
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    });
    // Late messages of an earlier thread must not settle the job of its successor.
    const isCurrent = () => worker === this.#thread;
    worker.on('message', (said: RenderResult) => void (isCurrent() && this.#hear(said)));
    worker.on('error', (error: Error) => this.options.died?.(error));
    worker.on('exit', () => void (isCurrent() && this.#giveUp()));
    return worker;
  }

  #hear(said: RenderResult): void {
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

  /** Settles the current job, if there is one, and starts the next. */
  #settle(how: (job: Job) => void): void {
    const job = this.#current;
    this.#current = undefined;
    clearTimeout(this.#timer);
    // An idle thread must not keep the process alive.
    this.#thread?.unref();
    if (job) how(job);
    this.#next();
  }
}
