import { parentPort, workerData } from 'node:worker_threads';
import { connect, frameCounter, LOG_FRAMES, sqliteCode } from './sqlite-connection.js';

/* The thread of Checkpointer. */

/** What went wrong, as a code of SQLite. */
export type Said = { failure?: string };

/** So few are soon moved by the writer. */
const FEW = LOG_FRAMES / 40;

const connection = connect((workerData as { file: string }).file);
const framesLeft = frameCounter(connection);

function move(): Said {
  try {
    // What is written meanwhile is moved too, as long as it becomes less.
    for (let before = Infinity, left = framesLeft(); left > FEW && left < before;) {
      before = left;
      connection.pragma('wal_checkpoint(passive)');
      left = framesLeft();
    }
    return {};
  } catch (error) {
    return { failure: sqliteCode(error) ?? 'unknown' };
  }
}

parentPort?.on('message', (what: 'move' | 'close') => {
  if (what === 'move') return parentPort?.postMessage(move());
  connection.close();
  parentPort?.close();
});
