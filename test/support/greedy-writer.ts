import { parentPort, workerData } from 'node:worker_threads';
import { WriterTurn } from '../../src/store/writer-turn.js';

/* A thread that takes the turn again as soon as it has given it, and holds it nearly all of the time. */

const { shared, ended } = workerData as { shared: SharedArrayBuffer; ended: SharedArrayBuffer };
const turn = new WriterTurn(shared);
const end = new Int32Array(ended);
parentPort?.postMessage('ready');
let turns = 0;
for (; Atomics.load(end, 0) === 0; turns += 1) {
  turn.takeIdly();
  Atomics.wait(end, 0, 0, 20);
  turn.give();
}
parentPort?.postMessage(turns);
