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

export type Renderer = {
  /** Draws a picture as PNG. Throws `overloaded` when too many wait, when it takes too long, or when the thread died. */
  draw(face: Face): Promise<Buffer>;
  stats(): { drawn: number; failed: number; waiting: number };
  close(): Promise<void>;
};

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
export function createRenderer(options: RendererOptions = {}): Renderer {
  const { died, patienceMs = PATIENCE_MS, mostWaiting = MOST_WAITING } = options;
  const waiting: Job[] = [];
  let thread: Worker | undefined;
  let ready = false;
  let current: Job | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let drawn = 0;
  let failed = 0;

  function start(): Worker {
    ready = false;
    const worker = new Worker(threadProgram(import.meta.url, 'worker'), {
      name: 'pictures',
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    });
    // What an earlier thread still says does not concern the job of the next one.
    const ifCurrent =
      <Args extends unknown[]>(then: (...args: Args) => void) =>
      (...args: Args) => {
        if (worker === thread) then(...args);
      };
    worker.on('message', ifCurrent(listen));
    worker.on('error', (error: Error) => died?.(error));
    worker.on('exit', ifCurrent(giveUp));
    return worker;
  }

  function listen(said: Said): void {
    if (said === 'ready') {
      ready = true;
      if (current) limit(patienceMs);
    } else if ('png' in said) {
      drawn += 1;
      settle((job) => job.resolve(Buffer.from(said.png)));
    } else {
      failed += 1;
      settle((job) => job.reject(new Error(`a picture could not be drawn: ${said.failed}`)));
    }
  }

  function limit(ms: number): void {
    clearTimeout(timer);
    timer = setTimeout(giveUp, ms);
  }

  function settle(how: (job: Job) => void): void {
    const job = current;
    current = undefined;
    clearTimeout(timer);
    // A thread with nothing to do does not keep the process alive.
    thread?.unref();
    if (job) how(job);
    next();
  }

  function giveUp(): void {
    const dead = thread;
    thread = undefined;
    if (current) failed += 1;
    settle((job) => job.reject(busy()));
    void dead?.terminate();
  }

  function next(): void {
    if (current || closed) return;
    current = waiting.shift();
    if (!current) return;
    thread ??= start();
    thread.ref();
    limit(ready ? patienceMs : START_MS);
    thread.postMessage(current.face);
  }

  return {
    draw: (face) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(ending());
        if (waiting.length >= mostWaiting) return reject(busy());
        waiting.push({ face, resolve, reject });
        next();
      }),
    stats: () => ({ drawn, failed, waiting: waiting.length + (current ? 1 : 0) }),
    async close() {
      closed = true;
      const last = thread;
      thread = undefined;
      settle((job) => job.reject(ending()));
      for (const job of waiting.splice(0)) job.reject(ending());
      await last?.terminate();
    },
  };
}
