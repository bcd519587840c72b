import { mkdtemp, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { threadProgram } from '../thread-program.js';
import { DeliveryError, TREE, type Delivered, type Delivery, type DeliveryLine } from './delivery.js';
import type { FromWorker, ToWorker, WorkerData } from './worker.js';

/** Lines in a message, and messages that the thread has not taken yet. */
const CHUNK = 250;
const MOST_UNDER_WAY = 4;
const MEMORY_MB = 256;

export type WriteOptions = {
  /** Where the files go. It must be there, and on one file system. */
  folder: string;
  signal?: AbortSignal;
  /** In megabytes: the thread dies above it. */
  memory?: number;
};

/**
 * Writes a delivery into a folder: PDF, CSV and JSON, with more than one volume an archive of them, and the tree of its lines
 * (TREE). It is drawn in a thread of its own. Files appear under their names when all of them are whole, and replace earlier ones. If anything goes
 * wrong, nothing is left. Throws `DeliveryError`, what `lines` throws, and the reason of the signal.
 */
export async function writeDelivery(
  delivery: Delivery,
  lines: AsyncIterable<DeliveryLine> | Iterable<DeliveryLine>,
  { folder, signal, memory = MEMORY_MB }: WriteOptions,
): Promise<Delivered> {
  signal?.throwIfAborted();
  const work = await mkdtemp(join(folder, '.delivery-'));
  const moved: string[] = [];
  try {
    const thread = new DeliveryThread({ delivery, folder: work }, memory);
    const delivered = await thread.run(lines, signal);
    const inFolder = delivered.files.filter(({ archive }) => archive === null);
    for (const name of [...inFolder.map((file) => file.name), TREE]) {
      await rename(join(work, name), join(folder, name));
      moved.push(name);
    }
    await rmdir(work);
    return delivered;
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    for (const name of moved) await rm(join(folder, name), { force: true });
    throw error;
  }
}

class DeliveryThread {
  readonly #worker: Worker;
  readonly #done: Promise<Delivered>;
  #underWay = 0;
  /** Called when the thread has taken something, or will take nothing any more. */
  #wake: () => void = () => undefined;
  #isOver = false;

  constructor(data: WorkerData, memory: number) {
    this.#worker = new Worker(threadProgram(import.meta.url, 'worker'), {
      name: 'delivery',
      execArgv: [],
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: memory },
    });
    this.#done = new Promise((resolve, reject) => {
      this.#worker.on('message', (said: FromWorker) => {
        if (said === 'took') {
          this.#underWay -= 1;
          this.#wake();
        } else if ('done' in said) resolve(said.done);
        else reject(new DeliveryError(`the delivery could not be written: ${said.failed}`));
      });
      this.#worker.on('error', (error) =>
        reject(new DeliveryError(`the thread of the delivery died: ${causeOf(error)}`)),
      );
      this.#worker.on('exit', () => reject(new DeliveryError('the thread of the delivery ended early')));
    });
    // It is awaited at the end; until then it may have failed.
    this.#done.catch(() => undefined).finally(() => this.#stop());
  }

  async run(
    lines: AsyncIterable<DeliveryLine> | Iterable<DeliveryLine>,
    signal: AbortSignal | undefined,
  ): Promise<Delivered> {
    let cancel: () => void = () => undefined;
    const cancelled = new Promise<never>((_, reject) => {
      cancel = () => reject(signal?.reason as Error);
    });
    cancelled.catch(() => undefined);
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      // Lines may be long in coming, and a thread that has died takes no more.
      const feeding = this.#feed(lines).then(() => this.#done);
      feeding.catch(() => undefined);
      return await Promise.race([feeding, this.#done, cancelled]);
    } finally {
      signal?.removeEventListener('abort', cancel);
      this.#stop();
      // Whatever it writes must have ended before the folder is removed.
      await this.#worker.terminate();
    }
  }

  async #feed(lines: AsyncIterable<DeliveryLine> | Iterable<DeliveryLine>): Promise<void> {
    let chunk: DeliveryLine[] = [];
    for await (const line of lines) {
      chunk.push(line);
      if (chunk.length < CHUNK) continue;
      await this.#send({ lines: chunk });
      chunk = [];
      if (this.#isOver) return;
    }
    if (chunk.length > 0) await this.#send({ lines: chunk });
    this.#worker.postMessage('end' satisfies ToWorker);
  }

  async #send(message: ToWorker): Promise<void> {
    while (this.#underWay >= MOST_UNDER_WAY && !this.#isOver) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    this.#underWay += 1;
    this.#worker.postMessage(message);
  }

  #stop(): void {
    this.#isOver = true;
    this.#wake();
  }
}

const causeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
