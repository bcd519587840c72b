import { parentPort, workerData } from 'node:worker_threads';
import { connect, frameCounter, LOG_FRAMES, sqliteCode } from './sqlite-connection.js';
import { WriterTurn } from './writer-turn.js';

/* The thread of `Checkpointer`: moves SQLite's write-ahead log into the database file. */

export type CheckpointCommand = 'move' | 'clean' | 'close';
/** `clean`: whether the log is empty now. `failure`: SQLite's code of what went wrong. */
export type CheckpointResult = { moved: true; failure?: string } | { clean: boolean };

/** So few frames may be left to the writer, which moves them quickly. */
const FEW = LOG_FRAMES / 40;

/** The writer is blocked while the log is truncated, so this waits for readers only briefly. */
const CLEAN_BUSY_MS = 20;

const { file, turn: shared } = workerData as { file: string; turn: SharedArrayBuffer };
const connection = connect(file);
const turn = new WriterTurn(shared);
connection.pragma(`busy_timeout = ${CLEAN_BUSY_MS}`);
const framesLeft = frameCounter(connection);

function move(): CheckpointResult {
  try {
    moveMost();
    return { moved: true };
  } catch (error) {
    return { moved: true, failure: sqliteCode(error) ?? 'unknown' };
  }
}

/** Repeats for what is written meanwhile, as long as the rest gets smaller. */
function moveMost(): void {
  for (let before = Infinity, left = framesLeft(); left > FEW && left < before;) {
    before = left;
    connection.pragma('wal_checkpoint(passive)');
    left = framesLeft();
  }
}

/** Moves all of the log and truncates it: until then, moved data stays readable in the log file. */
function clean(): CheckpointResult {
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
    // If the disk has failed, the writer finds out itself.
    return { clean: false };
  }
}

parentPort?.on('message', (asked: CheckpointCommand) => {
  if (asked === 'move') return parentPort?.postMessage(move());
  if (asked === 'clean') return parentPort?.postMessage(clean());
  connection.close();
  parentPort?.close();
});
