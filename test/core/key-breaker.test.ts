import t from 'tap';
import { collapsed, type Slot } from '../../src/core/key-breaker.js';
import { SLOT_MS } from '../../src/core/key-figures.js';

/** Half past seven: its slot began this minute, and the slot 30 minutes ago is the first that is ripe. */
const NOW = new Date('2026-11-23T19:30:00Z');
const CURRENT = NOW.getTime() / SLOT_MS;

/** Slots by how many back they are. */
const judge = (slots: Record<number, [asked: number, confirmed: number]>, now = NOW) =>
  collapsed(
    Object.entries(slots)
      .map(([back, [asked, confirmed]]): Slot => ({ slot: CURRENT - Number(back), asked, confirmed }))
      .sort((a, b) => b.slot - a.slot),
    now,
  );

t.test('under a tenth of at least 200', async (t) => {
  t.same(judge({ 3: [300, 5] }), { asked: 300, confirmed: 5 });
  t.same(judge({ 3: [200, 19] }), { asked: 200, confirmed: 19 });
  t.equal(judge({ 3: [200, 20] }), undefined, 'a tenth is enough');
  t.equal(judge({ 3: [199, 0] }), undefined, 'too few to tell');
  t.equal(judge({ 3: [500, 200] }), undefined, 'an honest key');
  t.equal(judge({}), undefined);
});

t.test('people need time', async (t) => {
  t.equal(judge({ 2: [900, 0] }), undefined);
  t.equal(judge({ 3: [300, 0] }, new Date(NOW.getTime() - 1)), undefined, 'not a moment too early');
  t.equal(
    judge({ 0: [300, 0], 1: [300, 0], 3: [150, 0] }),
    undefined,
    'what is not ripe does not make it 200',
  );
  t.equal(judge({ 0: [0, 15], 2: [0, 15], 3: [300, 0] }), undefined, 'but late answers count');
});

t.test('the newest 200 tell', async (t) => {
  t.same(judge({ 3: [120, 2], 4: [120, 2], 5: [5000, 4000] }), { asked: 240, confirmed: 4 });
  t.equal(judge({ 3: [200, 90], 4: [5000, 0] }), undefined, 'a run that is over');
  t.same(judge({ 3: [20, 0], 100: [190, 3] }), { asked: 210, confirmed: 3 }, 'a slow one');
});

t.test('a flood is not waited for', async (t) => {
  t.same(judge({ 0: [1000, 19] }), { asked: 1000, confirmed: 19 });
  t.same(judge({ 0: [400, 0], 1: [450, 9], 3: [150, 0] }), { asked: 1000, confirmed: 9 });
  t.equal(judge({ 0: [1000, 20] }), undefined);
  t.equal(judge({ 0: [999, 0] }), undefined);
  t.equal(judge({ 0: [900, 0], 4: [100, 0] }), undefined, 'half an hour ago is too long ago');
});
