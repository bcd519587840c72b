import type { MailStats } from './worker.js';

/** Memory for counters that two threads share. */
export const statsMemory = (): SharedArrayBuffer => new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT);

/** The counters of the mail thread, in shared memory: other threads read them without a message. */
export function sharedStats(memory: SharedArrayBuffer): MailStats {
  const numbers = new Int32Array(memory);
  const stats = {} as MailStats;
  for (const [i, name] of (['sent', 'failed', 'retried'] as const).entries()) {
    Object.defineProperty(stats, name, {
      enumerable: true,
      get: () => Atomics.load(numbers, i),
      set: (value: number) => Atomics.store(numbers, i, value),
    });
  }
  return stats;
}
