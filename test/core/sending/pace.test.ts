import fc from 'fast-check';
import t from 'tap';
import { HOUR_MS, MINUTE_MS } from '../../../src/time.js';
import {
  allowed,
  climbed,
  divided,
  newBucket,
  NO_LIMIT,
  refilled,
  slowed,
  SLOWEST,
  taken,
} from '../../../src/core/sending/buckets.js';
import { noteReplies, returnTokens, takeTokens, type MailReply } from '../../../src/core/sending/pace.js';
import { sweepPace } from '../../../src/core/sending/pace.js';
import { onEveryEngine, start, type TestApp } from '../../support/helper.js';

const EPOCH = new Date('2026-12-01T00:00:00Z');
const after = (ms: number, from = EPOCH) => new Date(from.getTime() + ms);

t.test('a bucket gives its rate and a burst, never more, however often it is asked', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_000_000 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 400 })), {
        maxLength: 60,
      }),
      (rate, asks) => {
        let bucket = newBucket('family:x', rate, EPOCH);
        let now = EPOCH;
        let sum = 0;
        for (const [ms, wanted] of asks) {
          now = after(ms, now);
          bucket = refilled(bucket, now);
          const mails = Math.min(wanted, allowed(bucket, now));
          bucket = taken(bucket, mails, now);
          sum += mails;
          if (bucket.tokens < 0 || bucket.at > now) return false;
        }
        const burst = Math.max(2, (rate * 10_000) / HOUR_MS);
        return sum <= burst + (rate * (now.getTime() - EPOCH.getTime())) / HOUR_MS;
      },
    ),
  );
  // And not less: asked every second, a slow one loses nothing to rounding.
  let bucket = newBucket('family:x', 61, EPOCH);
  let sum = 0;
  for (let second = 0; second < 3600 * 5; second += 1) {
    const now = after(second * 1000);
    bucket = refilled(bucket, now);
    const mails = Math.min(200, allowed(bucket, now));
    bucket = taken(bucket, mails, now);
    sum += mails;
  }
  t.ok(sum >= 61 * 5 - 1 && sum <= 61 * 5 + 2, `${sum} in five hours`);
  t.end();
});

t.test('refusals halve what was really sent, pause longer each time, and successes climb back', (t) => {
  let bucket = newBucket('family:x', NO_LIMIT, EPOCH);
  // 100 a second for half a minute.
  for (let second = 0; second < 30; second += 1) {
    bucket = taken(refilled(bucket, after(second * 1000)), 100, after(second * 1000));
  }
  bucket = slowed(bucket, after(30_000));
  t.match(bucket, { rate: 180_000, setbacks: 1, notBefore: after(60_000) });
  t.equal(slowed(bucket, after(31_000)), bucket, 'replies to the same batch change nothing');
  t.equal(allowed(refilled(bucket, after(59_999)), after(59_999)), 0);
  t.ok(allowed(refilled(bucket, after(60_000)), after(60_000)) > 0);
  const pauses: number[] = [];
  for (let i = 0; i < 12; i += 1) {
    const now = bucket.notBefore ?? EPOCH;
    bucket = slowed(refilled(bucket, now), now);
    pauses.push(((bucket.notBefore?.getTime() ?? 0) - now.getTime()) / 1000);
  }
  t.same(pauses.slice(0, 3), [60, 120, 240]);
  t.equal(pauses.at(-1), 1800, 'half an hour at most');
  t.equal(bucket.rate, SLOWEST, 'a mail a minute is always tried');
  const steps: number[] = [];
  while (bucket.rate < 1000) {
    const before = bucket.rate;
    bucket = climbed(bucket, 10, NO_LIMIT);
    if (bucket.rate !== before) steps.push(bucket.rate / before);
  }
  t.ok(
    steps.every((step) => step <= 1.27),
    'slowly',
  );
  t.equal(bucket.setbacks, 0);
  t.equal(
    climbed({ ...bucket, rate: NO_LIMIT - 1, successes: NO_LIMIT }, 1, NO_LIMIT).rate,
    NO_LIMIT,
    'to the limit',
  );
  t.end();
});

t.test(
  'shares are never more than what is there, and nobody who wants little waits behind the largest',
  (t) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 500 }),
        fc.uniqueArray(
          fc.tuple(fc.string({ minLength: 1, maxLength: 3 }), fc.integer({ min: 0, max: 300 })),
          { selector: ([name]) => name },
        ),
        (total, wants) => {
          const shares = divided(total, new Map(wants));
          const sum = [...shares.values()].reduce((a, b) => a + b, 0);
          const wanted = wants.reduce((a, [, n]) => a + n, 0);
          const fits = wants.every(
            ([name, n]) => (shares.get(name) ?? -1) >= 0 && (shares.get(name) ?? 0) <= n,
          );
          return fits && sum === Math.min(total, wanted);
        },
      ),
    );
    t.same(
      [
        ...divided(
          100,
          new Map([
            ['large', 1000],
            ['small', 3],
          ]),
        ),
      ].sort(),
      [
        ['large', 97],
        ['small', 3],
      ],
    );
    t.end();
  },
);

const SENDER = { senderDomain: 'meadows.example' };
const policy = async (api: TestApp, key: string, body: object) => {
  const answer = await api.call('PUT', '/v1/organization/sending-policy', { key, body });
  if (answer.status !== 200) throw new Error(answer.text);
};
const rowsOf = (api: TestApp) => api.store.read.db.select().from(api.store.tables.sendingPace);

onEveryEngine('tokens', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const take = async (wants: Record<string, number>, sender = { organizationKey: lead.key, ...SENDER }) =>
    Object.fromEntries(
      await api.store.transact((tx) => takeTokens(tx, sender, new Map(Object.entries(wants)))),
    );
  const note = (replies: MailReply[]) => api.store.transact((tx) => noteReplies(tx, replies));
  const replies = (family: string, outcome: MailReply['outcome'], n: number, code?: number): MailReply[] =>
    Array.from({ length: n }, () => ({ family, outcome, ...(code === undefined ? {} : { code }) }));
  const at = (ms: number) => api.setClock(after(ms));

  await t.test('without limits all that waits may be sent, and small domains leave no rows', async (t) => {
    at(0);
    t.same(await take({ google: 150, 'a.example': 1, 'b.example': 2 }), {
      google: 150,
      'a.example': 1,
      'b.example': 2,
    });
    await note([...replies('google', 'sent', 150, 250), ...replies('a.example', 'failed', 1, 550)]);
    t.same(
      (await rowsOf(api)).map(({ scope }) => scope),
      ['family:google'],
    );
    const days = await api.store.read.db.select().from(api.store.tables.sendingDays);
    t.match(days, [{ domain: 'meadows.example', mails: 153 }]);
  });

  await t.test('421 slows a provider down and no other; its rate is half of what was sent', async (t) => {
    at(60_000);
    await note([...replies('google', 'sent', 5, 250), ...replies('google', 'deferred', 1, 421)]);
    t.same(await take({ google: 50, microsoft: 50 }), { google: 0, microsoft: 50 });
    const google = (await rowsOf(api)).find(({ scope }) => scope === 'family:google');
    // 150 in a minute.
    t.equal(google?.rate, 4500);
    at(60_000 + 30_000);
    t.match(await take({ google: 50 }), { google: 12 }, 'after the pause a few');
    at(60_000 + 30_000 + 8000);
    t.match(await take({ google: 50 }), { google: 10 }, 'then at its rate');
  });

  await t.test('successes climb; nobody else’s rate matters', async (t) => {
    for (let minute = 3; minute < 5; minute += 1) {
      at(minute * MINUTE_MS);
      await note(replies('google', 'sent', 80, 250));
    }
    const google = (await rowsOf(api)).find(({ scope }) => scope === 'family:google');
    t.match(google, { rate: Math.ceil(Math.ceil(4500 * 1.25) * 1), setbacks: 0 });
  });

  await t.test('one full mailbox among many slows nothing down; many deferrals do', async (t) => {
    at(10 * MINUTE_MS);
    await take({ yahoo: 100 });
    await note([...replies('yahoo', 'sent', 95, 250), ...replies('yahoo', 'deferred', 5, 452)]);
    t.match(await take({ yahoo: 100 }), { yahoo: 100 });
    await note([...replies('yahoo', 'sent', 80, 250), ...replies('yahoo', 'deferred', 20, 451)]);
    t.match(await take({ yahoo: 100 }), { yahoo: 0 });
    await note(replies('small.example', 'deferred', 1, 450));
    t.match(await take({ 'small.example': 1, 'other.example': 1 }), {
      'small.example': 0,
      'other.example': 1,
    });
  });

  await t.test('so too where replies are recorded a few at a time, as they are while it sends', async (t) => {
    at(20 * MINUTE_MS);
    // One in fifty, as where some mailboxes are full.
    const recorded = async (family: string, every: number) => {
      for (let batch = 0, mails = 0; batch < 50; batch += 1, mails += 8) {
        at(20 * MINUTE_MS + batch * 1000);
        if (mails % 200 === 0) await take({ [family]: 200 });
        const full = Math.floor((mails + 8) / every) - Math.floor(mails / every);
        await note([...replies(family, 'sent', 8 - full, 250), ...replies(family, 'deferred', full, 452)]);
      }
    };
    await recorded('orange', 50);
    t.match(await take({ orange: 100 }), { orange: 100 }, 'two percent');
    await recorded('sfr', 5);
    t.match(await take({ sfr: 100 }), { sfr: 0 }, 'twenty percent');
  });

  await t.test('per_hour of an organization holds, for it alone, and a new one at once', async (t) => {
    const other = await api.organization('Others');
    at(HOUR_MS);
    await policy(api, lead.secret, { per_hour: 3600 });
    t.same(await take({ 'a.example': 100, 'b.example': 4 }), { 'a.example': 6, 'b.example': 4 });
    t.same(await take({ 'a.example': 100 }), { 'a.example': 0 });
    t.same(await take({ 'a.example': 100 }, { organizationKey: other.key, ...SENDER }), { 'a.example': 100 });
    at(HOUR_MS + 3000);
    t.same(await take({ 'a.example': 100 }), { 'a.example': 3 });
    let sum = 0;
    for (let second = 0; second < 600; second += 1) {
      at(2 * HOUR_MS + second * 1000);
      sum += (await take({ 'a.example': 200 }))['a.example'] ?? 0;
    }
    t.ok(sum >= 600 && sum <= 610, `${sum} in ten minutes`);
    await policy(api, lead.secret, {});
    t.same(await take({ 'a.example': 200 }), { 'a.example': 200 });
  });

  await t.test(
    'warm-up: a new domain sends so many on its first day, on its second, and then without limit',
    async (t) => {
      const young = { organizationKey: lead.key, senderDomain: 'young.example' };
      await policy(api, lead.secret, { warm_up: [50, 120] });
      const day = 24 * HOUR_MS;
      at(10 * day);
      t.same(await take({ 'a.example': 40 }, young), { 'a.example': 40 });
      t.same(await take({ 'a.example': 40 }, young), { 'a.example': 10 });
      t.same(await take({ 'a.example': 40 }, young), { 'a.example': 0 });
      // Days without mails do not count.
      at(14 * day);
      t.same(await take({ 'a.example': 200 }, young), { 'a.example': 120 });
      at(15 * day);
      t.same(await take({ 'a.example': 5000 }, young), { 'a.example': 5000 });
      await policy(api, lead.secret, {});
    },
  );

  await t.test('what is not sent after all is given back to all limits', async (t) => {
    const start = 20 * 24 * HOUR_MS;
    at(start);
    const young = { organizationKey: lead.key, senderDomain: 'new.example' };
    const giveBack = (families: Record<string, number>) =>
      api.store.transact((tx) => returnTokens(tx, young, new Map(Object.entries(families))));
    await policy(api, lead.secret, { per_hour: 36_000, warm_up: [120] });
    t.same(await take({ 'a.example': 80, 'b.example': 10 }, young), { 'a.example': 80, 'b.example': 10 });
    await giveBack({ 'a.example': 60, 'b.example': 10 });
    t.same(await take({ 'a.example': 200 }, young), { 'a.example': 80 }, 'a burst less what was sent');
    at(start + MINUTE_MS);
    t.same(await take({ 'a.example': 200 }, young), { 'a.example': 20 }, 'what is left of the day');
    await giveBack({ 'a.example': 500 });
    t.same(await take({ 'a.example': 200 }, young), { 'a.example': 100 }, 'never more than a burst');
    at(start + 2 * MINUTE_MS);
    t.same(await take({ 'a.example': 200 }, young), { 'a.example': 20 });
    await policy(api, lead.secret, {});
  });

  await t.test('two processes share one bucket', async (t) => {
    at(30 * 24 * HOUR_MS);
    await policy(api, lead.secret, { per_hour: 36_000 });
    const all = await Promise.all(Array.from({ length: 20 }, () => take({ 'a.example': 30 })));
    t.equal(
      all.reduce((sum, one) => sum + (one['a.example'] ?? 0), 0),
      100,
      'a burst, not twenty',
    );
  });

  await t.test('buckets that nobody uses are forgotten', async (t) => {
    at(60 * 24 * HOUR_MS);
    t.ok((await sweepPace(api.store, api.app.ctx.now())) > 3);
    t.same(await rowsOf(api), []);
  });
});
