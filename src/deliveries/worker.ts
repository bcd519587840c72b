import { getPriority, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { DeliveryError, type Delivered, type Delivery, type DeliveryLine } from './delivery.js';
import { Volumes } from './volumes.js';

/* The thread of write-delivery.ts: writes one delivery and ends. */

export type ToWorker = { lines: DeliveryLine[] } | 'end';
export type FromWorker = 'took' | { done: Delivered } | { failed: string };
export type WorkerData = { delivery: Delivery; folder: string };

/** Added to the niceness: signing has priority. On Linux only this thread gets a lower one. */
const BEHIND = 5;
if (process.platform === 'linux') {
  try {
    setPriority(0, Math.min(19, getPriority(0) + BEHIND));
  } catch {
    // Some sandboxes forbid it: then the thread keeps its priority.
  }
}

const { delivery, folder } = workerData as WorkerData;
const say = (said: FromWorker): void => parentPort?.postMessage(said);
const volumes = new Volumes(delivery, folder);

/** What was asked for so far, in its order. */
let work = Promise.resolve();

parentPort?.on('message', (asked: ToWorker) => {
  work = work.then(() => take(asked)).catch(fail);
});

async function take(asked: ToWorker): Promise<void> {
  if (asked === 'end') {
    say({ done: await volumes.end() });
    parentPort?.close();
  } else {
    await volumes.add(asked.lines);
    say('took');
  }
}

function fail(error: unknown): void {
  say({ failed: reasonOf(error) });
  parentPort?.close();
}

/** Never the message of a stranger's error: it could hold a name. */
function reasonOf(error: unknown): string {
  if (error instanceof DeliveryError) return error.message;
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
