import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { CallGroups } from '../src/call-groups.js';
import type { Call } from '../src/calls.js';

/** Calls, and the groups that were sent. */
function open() {
  const sent: Call[][] = [];
  const groups = new CallGroups((calls) => sent.push(calls));
  const call = (many: number) => Array.from({ length: many }, (_, i) => groups.call('confirm', [i]));
  const answer = (group: Call[] = []) =>
    groups.answered({ begun: 1, answers: group.map(([id, , [value]]) => [id, { value }]) });
  return { groups, sent, call, answer };
}

t.test('calls of one turn of the event loop go together, half of them at a time', async (t) => {
  const { groups, sent, call, answer } = open();
  const calls = call(10);
  t.equal(groups.inside, 10);
  t.same(sent, [], 'not before the end of the turn');
  await nextTurn();
  await nextTurn();
  t.same(
    sent.map(({ length }) => length),
    [5, 5],
  );
  calls.push(...call(2));
  await nextTurn();
  t.equal(sent.length, 2, 'two at most are under way');
  answer(sent[0]);
  await nextTurn();
  t.equal(sent[2]?.length, 2, 'the next one goes when one is answered');
  answer(sent[1]);
  answer(sent[2]);
  t.same(await Promise.all(calls), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
  t.equal(groups.inside, 0);
  await groups.drain();
});

t.test('a call alone goes at the end of the turn', async (t) => {
  const { sent, call, answer } = open();
  const [alone] = call(1);
  await nextTurn();
  t.equal(sent.length, 1);
  answer(sent[0]);
  t.equal(await alone, 0);
});

t.test('a thread that is gone: no call is left without an answer', async (t) => {
  const { groups, sent, call } = open();
  const calls = call(300);
  await nextTurn();
  t.equal(sent[0]?.length, 128);
  groups.fail();
  for (const one of [...calls, ...call(1)]) await t.rejects(one, { code: 'storage_unavailable' });
  await groups.drain();
});
