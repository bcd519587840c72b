import { getPriority, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { draw } from './draw.js';
import type { Face } from './face.js';

/* The thread that draws: one picture after the other, as they are sent. */

export type Said = 'ready' | { png: Uint8Array } | { failed: string };

/** Steps of niceness. More would starve it on a machine that others use as well. */
const BEHIND = 5;

const say = (said: Said): void => parentPort?.postMessage(said);

// The first picture takes many times as long as the others, whatever it shows.
await draw({ title: 'A', organization: 'b', count: ['1'], goal: ['2'], progress: 0.5 });

// Whoever signs goes first. On Linux this is about the thread; elsewhere it would be about the whole process.
if (process.platform === 'linux') {
  try {
    setPriority(0, Math.min(19, getPriority(0) + BEHIND));
  } catch {
    // Some sandboxes do not allow it. Then it is as urgent as the rest.
  }
}

parentPort?.on('message', (face: Face) => {
  draw(face).then(
    (png) => say({ png }),
    // The message could hold the title.
    (error: unknown) => say({ failed: error instanceof Error ? error.name : typeof error }),
  );
});
say('ready');
