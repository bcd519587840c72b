import { parentPort, workerData } from 'node:worker_threads';
import { connect, frameCounter, LOG_FRAMES, sqliteCode } from './sqlite-connection.js';
import { WriterTurn } from './writer-turn.js';

/* The thread of Checkpointer. */

export type Asked = 'move' | 'clean' | 'close';
/** `clean`: whether nothing is left in the log. `failure`: what went wrong, as a code of SQLite. */
export type Said = { moved: true; failure?: string } | { clean: boolean };

/** So few are soon moved by the writer. */
const FEW = LOG_FRAMES / 40;

/** The writer has to wait while a log is cut off: so nobody is waited for. */
const CLEAN_BUSY_MS = 20;

const { file, turn: shared } = workerData as { file: string; turn: SharedArrayBuffer };
const connection = connect(file);
const turn = new WriterTurn(shared);
connection.pragma(`busy_timeout = ${CLEAN_BUSY_MS}`);
const framesLeft = frameCounter(connection);

function move(): Said {
  try {
    moveMost();
    return { moved: true };
  } catch (error) {
    return { moved: true, failure: sqliteCode(error) ?? 'unknown' };
  }
}

/** What is written meanwhile is moved too, as long as it becomes less. */
function moveMost(): void {
  for (let before = Infinity, left = framesLeft(); left > FEW && left < before;) {
    before = left;
    connection.pragma('wal_checkpoint(passive)');
    left = framesLeft();
  }
}

/** Moves all of the log, and cuts it off: what was moved before would stay in it until it is written over. */
function clean(): Said {
  try {
    connection.pragma('wal_checkpoint(passive)');
    turn.takeIdly();
    try {
      const [row] = connection.pragma('wal_checkpoint(truncate)') as { busy: number }[];
      return { clean: row?.busy === 0 };
    } finally {
      turn.give();
    }
  } catch {
    // Of a disk that fails the writer hears itself.
    return { clean: false };
  }
}

parentPort?.on('message', (asked: Asked) => {
  if (asked === 'move') return parentPort?.postMessage(move());
  if (asked === 'clean') return parentPort?.postMessage(clean());
  connection.close();
  parentPort?.close();
});
