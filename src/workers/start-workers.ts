import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { NearLimit, Tally } from '../http/front/behind-workers.js';
import type { Logger } from '../mail/delivery.js';
import type { FromWorker, ToWorker, WorkerSettings } from './messages.js';

/** A worker that ended sooner than that after its start would do so again at once. */
const SOON_MS = 5000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;

export type WorkersOptions = {
  workers: number;
  settings: WorkerSettings;
  /** Counts what a worker has answered. */
  count: (tally: Tally) => NearLimit;
  logger: Pick<Logger, 'warn' | 'error'>;
};

export type Workers = {
  port: number;
  /** Resolves when every request in progress is answered and all workers have ended. */
  drain: () => Promise<void>;
};

/**
 * Starts the workers, and resolves when all of them listen. One that ends is started again; the others go on. Connections
 * are accepted here and given to the workers in turn: those that take them by themselves share them unevenly.
 */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  cluster.setupPrimary({
    exec: fileURLToPath(new URL(`./worker.${extension}`, import.meta.url)),
    args: [],
    serialization: 'advanced',
  });
  const team = new Team(options);
  try {
    const ports = await Promise.all(Array.from({ length: options.workers }, () => team.add()));
    return { port: ports[0] ?? 0, drain: () => team.drain() };
  } catch (error) {
    team.kill();
    throw error;
  }
}

class Team {
  readonly #members = new Set<Worker>();
  #pauseMs = 0;
  #isDraining = false;

  constructor(private readonly options: WorkersOptions) {}

  /** Starts a worker. Resolves with its port once it listens; rejects if it cannot. */
  add(): Promise<number> {
    const worker = cluster.fork();
    const startedAt = performance.now();
    this.#members.add(worker);
    return new Promise((resolve, reject) => {
      worker.once('listening', ({ port }: { port: number }) => resolve(port));
      // A worker that is gone cannot be told anything.
      worker.on('error', () => undefined);
      worker.on('message', (said: FromWorker) => {
        if (said === 'ready') tell(worker, { begin: this.options.settings });
        else if ('tally' in said) this.#count(said.tally);
        else if ('failed' in said) this.options.logger.error({ error: said.failed }, 'a worker failed');
        else reject(Object.assign(new Error('a worker cannot listen'), said.cannotListen));
      });
      worker.once('exit', (code, signal) => {
        this.#members.delete(worker);
        reject(new Error('a worker ended before it listened'));
        if (this.#isDraining) return;
        this.#replace({ code, signal }, performance.now() - startedAt);
      });
    });
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    const ends = [...this.#members].map((worker) => once(worker, 'exit'));
    for (const worker of this.#members) tell(worker, 'drain');
    await Promise.all(ends);
  }

  kill(): void {
    this.#isDraining = true;
    for (const worker of this.#members) worker.process.kill('SIGKILL');
  }

  #replace(how: { code: number; signal: string }, livedMs: number): void {
    this.#pauseMs = livedMs > SOON_MS ? 0 : Math.min(LONGEST_PAUSE_MS, 2 * this.#pauseMs || FIRST_PAUSE_MS);
    this.options.logger.warn({ ...how, pause_ms: this.#pauseMs }, 'a worker ended: another one is started');
    setTimeout(() => {
      // Why it failed was logged when it ended.
      if (!this.#isDraining) this.add().catch(() => undefined);
    }, this.#pauseMs);
  }

  #count(tally: Tally): void {
    const near = this.options.count(tally);
    if (near.length === 0) return;
    for (const worker of this.#members) tell(worker, { near });
  }
}

const tell = (worker: Worker, said: ToWorker): void => {
  if (worker.isConnected()) worker.send(said);
};
