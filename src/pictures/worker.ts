import { getPriority, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { draw } from './draw.js';
import type { PictureContent } from './content.js';

/* The thread of renderer.ts: draws one picture for each message. */

export type RenderResult = 'ready' | { png: Uint8Array } | { failed: string };

/** Added to the niceness. More would starve the thread on a shared machine. */
const BEHIND = 5;

const say = (said: RenderResult): void => parentPort?.postMessage(said);

// Warm-up: the first picture takes many times as long as others.
await draw({
  title: 'A',
  organization: 'b',
  color: null,
  count: ['1'],
  goal: ['2'],
  progress: 0.5,
  picture: null,
});

// Signing has priority over drawing. On Linux only this thread gets a lower priority; elsewhere the whole process
// would.
if (process.platform === 'linux') {
  try {
    setPriority(0, Math.min(19, getPriority(0) + BEHIND));
  } catch {
    // Some sandboxes forbid it: then the thread keeps its priority.
  }
}

parentPort?.on('message', (content: PictureContent) => {
  draw(content).then(
    (png) => say({ png }),
    // Only the name: the message could contain the title.
    (error: unknown) => say({ failed: error instanceof Error ? error.name : typeof error }),
  );
});
say('ready');
