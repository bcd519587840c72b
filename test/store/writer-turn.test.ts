import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { WriterTurn } from '../../src/store/writer-turn.js';
import { threadProgram } from '../../src/thread-program.js';
import { inTime, until } from '../support/until.js';

t.test('a thread that blocks for its turn lets one that cannot block go first', async (t) => {
  const turn = new WriterTurn();
  const ended = new SharedArrayBuffer(4);
  const greedy = new Worker(threadProgram(import.meta.url, '../support/greedy-writer'), {
    execArgv: [],
    workerData: { shared: turn.shared, ended },
  });
  t.teardown(() => greedy.terminate());
  await inTime(once(greedy, 'message'), 'its start');
  const memory = new Int32Array(turn.shared);
  const TURNS = 20;
  for (let i = 0; i < TURNS; i += 1) {
    await until(() => Atomics.load(memory, 0) === 1, 'that the other has the turn', { everyMs: 1 });
    await inTime(Promise.resolve(turn.take()), 'the turn');
    turn.give();
  }
  const last = once(greedy, 'message');
  Atomics.store(new Int32Array(ended), 0, 1);
  const [turns] = (await inTime(last, 'its end')) as [number];
  // Looking for a moment when the turn is free would take many of its turns for each.
  t.ok(turns < 5 * TURNS, `${turns} turns of the other for ${TURNS} here`);
});
