import t from 'tap';
import { collapsed, judgeNetworks, type Slot } from '../../../src/core/brakes/key-breaker.js';
import { SLOT_MS } from '../../../src/core/counts/key-figures.js';

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

const MINUTE = 60_000;

/** So many asked from each network, so many minutes ago, of whom some have said yes. */
const from = (networks: string[], asked: number, minutes: number, confirmed = 0) => {
  const askedAt = new Date(NOW.getTime() - minutes * MINUTE);
  return networks.flatMap((network) =>
    Array.from({ length: asked }, (_, i) => ({
      network,
      askedAt,
      confirmedAt: i < confirmed ? askedAt : null,
    })),
  );
};
const some = (number: number, name = 'n') => Array.from({ length: number }, (_, i) => `${name}${i}`);
const told = (...asks: ReturnType<typeof from>[]) => {
  const { key, networks } = judgeNetworks(asks.flat(), NOW);
  return { key, networks: networks.map(({ network }) => network) };
};

t.test('one network with made-up addresses is told from all others', async (t) => {
  const people = from(some(40), 5, 30, 1);
  for (const asked of [10, 37, 400, 5000]) {
    t.same(told(people, from(['bad'], asked, 30)), { key: false, networks: ['bad'] }, `${asked} addresses`);
  }
  t.same(told(people, from(['bad'], 9, 30)), { key: false, networks: [] }, 'too few to tell');
  t.same(told(people, from(['bad'], 400, 30, 40)), { key: false, networks: [] }, 'a tenth is enough');
  t.same(judgeNetworks(from(['bad'], 12, 30), NOW).networks, [{ network: 'bad', asked: 12, confirmed: 0 }]);
});

t.test('many networks are the doing of the key', async (t) => {
  const people = from(some(40), 5, 30, 2);
  const bad = some(20, 'bad');
  t.same(told(people, from(bad.slice(1), 400, 30)), { key: false, networks: bad.slice(1) });
  t.same(told(people, from(bad, 10, 30)), { key: true, networks: bad });
  t.same(told(from(some(300), 1, 30)), { key: true, networks: [] }, 'each with one address');
  t.same(told(from(some(22), 9, 30)), { key: false, networks: [] }, 'fewer than 200');
});

t.test('people of a network need time, in a flood as well', async (t) => {
  t.same(told(from(['school'], 49, 19)), { key: false, networks: [] });
  t.same(told(from(['school'], 1000, 4)), { key: false, networks: [] }, 'not from one network at once');
  t.same(told(from(['bad'], 50, 5)), { key: false, networks: ['bad'] });
  t.same(told(from(['school'], 50, 5, 1)), { key: false, networks: [] });
  t.same(told(from(some(50), 25, 0)), { key: true, networks: [] }, 'from fifty it is not waited for');
  t.same(told(from(some(50), 20, 0, 1)), { key: false, networks: [] });
});
