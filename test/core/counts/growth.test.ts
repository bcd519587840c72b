import fc from 'fast-check';
import { readGrowth } from '../../../src/core/counts/growth.js';
import { onEveryEngine, publish, start } from '../../support/helper.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 10, 28, 14, 30);

onEveryEngine('the growth of a petition', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const { store } = api;
  const { petitionHistory, petitionCounts, petitions, offsets } = store.tables;
  const keyOf = async (slug: string) => {
    await publish(api, lead.secret, { slug });
    const rows = await store.read.db.select().from(petitions);
    return rows.find((row) => row.slug === slug)?.key ?? 0;
  };
  /** As if so many had been confirmed in these hours. */
  const confirmed = (petitionKey: number, hours: ReadonlyMap<number, number>) =>
    store.transact(async (tx) => {
      await tx.db.delete(petitionHistory);
      await tx.db.delete(petitionCounts);
      const rows = [...hours].map(([hour, count]) => ({ petitionKey, hour, shard: 0, confirmed: count }));
      for (let i = 0; i < rows.length; i += 100) {
        await tx.db.insert(petitionHistory).values(rows.slice(i, i + 100));
      }
      const sum = rows.reduce((all, row) => all + row.confirmed, 0);
      await tx.db.insert(petitionCounts).values({
        petitionKey,
        shard: 0,
        pending: 0,
        confirmed: sum,
        invalidated: 0,
        withdrawn: 0,
        quarantined: 0,
        paper: 0,
        offsets: 0,
        updatedAt: tx.now,
      });
      return sum;
    });

  await t.test('few points at any age, from nothing to the total, never backwards', async (t) => {
    const petitionKey = await keyOf('any-age');
    const cases = fc.record({
      days: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 3650 })),
      at: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 500 })), {
        maxLength: 150,
      }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ days, at }) => {
        const from = NOW - days * DAY;
        const hours = new Map(
          at.map(([share, count]) => [Math.floor((from + share * (NOW - from)) / HOUR), count]),
        );
        const sum = await confirmed(petitionKey, hours);
        const { points } = await readGrowth(store.read, petitionKey, {
          from: new Date(from),
          until: new Date(NOW),
        });
        const [first, last] = [points[0], points.at(-1)];
        t.ok(points.length <= 120, `${points.length} points`);
        t.equal(first?.total, 0);
        t.ok((first?.at ?? 0) <= from && (first?.at ?? 0) > from - HOUR, 'it begins with the petition');
        t.same(last, { at: NOW, total: sum });
        const isOrdered = points.every(
          (point, i) =>
            i === 0 || (point.at >= (points[i - 1]?.at ?? 0) && point.total >= (points[i - 1]?.total ?? 0)),
        );
        t.ok(isOrdered, 'in order');
      }),
      { numRuns: 40 },
    );
  });

  await t.test('a quiet time is level, not a slope', async (t) => {
    const petitionKey = await keyOf('quiet');
    const from = NOW - 100 * DAY;
    await confirmed(petitionKey, new Map([[Math.floor((NOW - 20 * DAY) / HOUR), 1000]]));
    const { points } = await readGrowth(store.read, petitionKey, {
      from: new Date(from),
      until: new Date(NOW),
    });
    t.same(
      points.map(({ total }) => total),
      [0, 0, 1000, 1000],
    );
    t.ok((points[1]?.at ?? 0) >= NOW - 21 * DAY);
    t.ok((points[2]?.at ?? 0) - (points[1]?.at ?? 0) <= DAY);
  });

  await t.test('what was confirmed before it was published begins the line', async (t) => {
    const petitionKey = await keyOf('imported');
    await confirmed(petitionKey, new Map([[Math.floor((NOW - 400 * DAY) / HOUR), 7]]));
    const { points } = await readGrowth(store.read, petitionKey, {
      from: new Date(NOW - DAY),
      until: new Date(NOW),
    });
    t.ok((points[0]?.at ?? NOW) <= NOW - 400 * DAY);
    t.same([points[0]?.total, points.at(-1)?.total], [0, 7]);
  });

  await t.test('numbers from elsewhere stand where they were recorded', async (t) => {
    await keyOf('elsewhere');
    const body = { count: 300, source: 'Town hall' };
    const added = await api.call('POST', '/v1/petitions/elsewhere/offsets', { key: lead.secret, body });
    t.equal(added.status, 201);
    const rows = await store.read.db.select().from(offsets);
    const [{ petitionKey, createdAt } = { petitionKey: 0, createdAt: new Date() }] = rows;
    const until = new Date(createdAt.getTime() + 10 * DAY);
    const { points } = await readGrowth(store.read, petitionKey, {
      from: new Date(createdAt.getTime() - 10 * DAY),
      until,
    });
    t.same([points[0]?.total, points.at(-1)?.total], [0, 300]);
    const rises = points.findIndex(({ total }) => total === 300);
    t.ok(Math.abs((points[rises]?.at ?? 0) - createdAt.getTime()) < DAY);
  });
});
