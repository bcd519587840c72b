import fc from 'fast-check';
import t, { type Test } from 'tap';
import { AddressesPerNetwork } from '../../src/core/brakes/addresses-per-network.js';
import { fastHash } from '../../src/core/brakes/fast-hash.js';
import { Pressure } from '../../src/core/brakes/pressure.js';
import { RecentSpellings } from '../../src/core/brakes/recent-spellings.js';
import { oneAtATime } from '../../src/core/one-at-a-time.js';
import { forEachInTurns, nextLoopTurn } from '../../src/core/one-per-turn.js';
import { RecentMap } from '../../src/core/recent-map.js';

/* What a process remembers and puts in order by itself, without the database. Clocks are arguments. */

const START = Date.UTC(2026, 10, 23, 19);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const holds = <Values>(t: Test, property: fc.IProperty<Values>, numRuns = 300) =>
  t.doesNotThrow(() => fc.assert(property, { numRuns }));

t.test('RecentMap: the last keys are there with their last values, and memory is bounded', (t) => {
  const step = fc.record({ key: fc.nat(12), value: fc.option(fc.integer(), { nil: undefined }) });
  holds(
    t,
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 80 }), (most, steps) => {
      const map = new RecentMap<number>(most);
      const values = new Map<number, number>();
      /** Keys in the order in which they were last set or found. */
      const recent = new Set<number>();
      for (const { key, value } of steps) {
        const found = map.get(key);
        const isRecent = [...recent].slice(-most).includes(key);
        // What was seen longer ago may be there or not, and is never out of date.
        if (found !== values.get(key) && (isRecent || found !== undefined)) return false;
        if (value !== undefined) {
          map.set(key, value);
          values.set(key, value);
        }
        if (value !== undefined || found !== undefined) {
          recent.delete(key);
          recent.add(key);
        }
        if (map.size > 2 * most) return false;
      }
      return true;
    }),
  );
  t.end();
});

t.test('RecentMap: what is looked up stays, what is not is forgotten', (t) => {
  const map = new RecentMap<string, string>(10);
  map.set('looked up', 'yes');
  map.set('left alone', 'yes');
  for (let i = 0; i < 20; i += 1) {
    map.set(`other ${i}`, 'yes');
    t.equal(map.get('looked up'), 'yes');
  }
  t.equal(map.get('left alone'), undefined);
  t.end();
});

t.test('Pressure: more than the rate, over two windows of which the older one fades', (t) => {
  const pressure = new Pressure({ requests: 3, seconds: 60 });
  const note = (at: number, key = 1) => pressure.note(key, START + at);
  t.same([note(0), note(1), note(2)], [false, false, false], 'as many as may be');
  t.equal(note(3), true, 'one more');
  t.equal(note(3, 2), false, 'another petition');
  const over = 10 * MINUTE + 3;
  t.equal(pressure.isOn(1, START + over - 1), true, 'it stays for ten minutes');
  t.equal(pressure.isOn(1, START + over), false);
  t.equal(pressure.isOn(3, START), false, 'a petition without attempts');
  t.equal(note(HOUR), false);
  t.equal(note(HOUR + MINUTE), false);
  t.same([note(HOUR + MINUTE), note(HOUR + MINUTE)], [false, true], '3 and the 1 of a moment ago');
  t.end();
});

t.test('Pressure is what the times of the attempts say', (t) => {
  const [requests, seconds] = [4, 10];
  const gaps = fc.array(
    fc.oneof(fc.nat(4000), fc.nat(15_000), fc.constantFrom(10 * MINUTE - 1, 10 * MINUTE)),
    { maxLength: 40 },
  );
  const windowOf = (at: number) => Math.floor(at / (seconds * 1000));
  /** Whether the last of some attempts is too many. */
  const isTooMuch = (times: readonly number[]) => {
    const at = times.at(-1) ?? 0;
    const within = (window: number) => times.filter((one) => windowOf(one) === window).length;
    const left = 1 - (at % (seconds * 1000)) / (seconds * 1000);
    return within(windowOf(at)) + within(windowOf(at) - 1) * left > requests;
  };
  holds(
    t,
    fc.property(gaps, (drawn) => {
      const pressure = new Pressure({ requests, seconds });
      const times: number[] = [];
      let until = 0;
      let at = START;
      return drawn.every((gap) => {
        at += gap;
        times.push(at);
        if (pressure.isOn(7, at) !== until > at) return false;
        if (isTooMuch(times)) until = at + 10 * MINUTE;
        return pressure.note(7, at) === until > at && pressure.isOn(7, at) === until > at;
      });
    }),
  );
  t.end();
});

t.test('AddressesPerNetwork: twenty different ones in an hour are usual', (t) => {
  const step = fc.record({
    gap: fc.oneof(fc.nat(MINUTE), fc.constantFrom(HOUR - 1, HOUR)),
    address: fc.nat(30),
  });
  holds(
    t,
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const addresses = new AddressesPerNetwork();
      let [at, since] = [START, -Infinity];
      let seen = new Set<number>();
      return steps.every(({ gap, address }) => {
        at += gap;
        if (at - since >= HOUR) [since, seen] = [at, new Set()];
        seen.add(address);
        return addresses.note(1, 99, address, at) === seen.size > 20;
      });
    }),
  );
  const addresses = new AddressesPerNetwork();
  const note = (petition: number, network: number) =>
    Array.from({ length: 21 }, (_, i) => addresses.note(petition, network, i, START)).at(-1);
  t.same([note(1, 5), note(1, 6), note(2, 5)], [true, true, true]);
  t.equal(addresses.note(1, 5, 0, START + HOUR - 1), true);
  t.equal(addresses.note(1, 5, 0, START + HOUR), false, 'an hour after the first');
  t.equal(addresses.note(2, 6, 1, START), false, 'each network and petition by itself');
  t.end();
});

t.test('RecentSpellings: the first spelling stays', (t) => {
  const spellings = new RecentSpellings();
  t.equal(spellings.note(1, 5, 100), false);
  t.equal(spellings.note(1, 5, 100), false, 'the same again');
  t.equal(spellings.note(1, 5, 101), true, 'another');
  t.equal(spellings.note(1, 5, 100), false, 'the first is still the one');
  t.equal(spellings.note(2, 5, 101), false, 'at another petition');
  t.equal(spellings.note(1, 6, 101), false, 'of another mailbox');
  t.end();
});

t.test('fastHash: 53 bits that tell texts apart', (t) => {
  holds(
    t,
    fc.property(fc.string(), fc.string(), (one, other) => {
      const hash = fastHash(one);
      return Number.isSafeInteger(hash) && hash >= 0 && (hash === fastHash(other)) === (one === other);
    }),
    2000,
  );
  const texts = Array.from({ length: 50_000 }, (_, i) => `name.${i}@example.org`);
  texts.push(...Array.from({ length: 50_000 }, (_, i) => `203.0.${i >> 8}.${i & 255}`));
  t.equal(new Set(texts.map(fastHash)).size, texts.length, 'none of many alike meet');
  t.end();
});

/** Counts turns of the event loop until the end of the test. */
function countTurns(t: Test): () => number {
  let turns = 0;
  let isOver = false;
  t.teardown(() => (isOver = true));
  (function count() {
    turns += 1;
    if (!isOver) setImmediate(count);
  })();
  return () => turns;
}

t.test('one piece of all long works runs in each turn', async (t) => {
  const turn = countTurns(t);
  const ran: { work: number; turn: number }[] = [];
  const work = async (name: number) => {
    for (let piece = 0; piece < 5; piece += 1) {
      await nextLoopTurn();
      ran.push({ work: name, turn: turn() });
    }
  };
  await Promise.all([work(1), work(2), work(3)]);
  t.equal(ran.length, 15);
  t.equal(new Set(ran.map((one) => one.turn)).size, 15);
  t.same(
    ran.slice(0, 6).map((one) => one.work),
    [1, 2, 3, 1, 2, 3],
    'they take turns',
  );
});

t.test(
  'many are met in pieces of 250; those that come meanwhile too, and those that leave not',
  async (t) => {
    const turn = countTurns(t);
    const many = new Set(Array.from({ length: 600 }, (_, i) => i));
    const met = new Map<number, number>();
    await forEachInTurns(many, (one) => {
      met.set(one, turn());
      if (one === 10) many.add(600);
      if (one === 20) many.delete(500);
    });
    t.equal(met.size, 600);
    t.ok(met.has(600) && !met.has(500));
    const turns = [...new Set(met.values())];
    const sizes = turns.map((one) => [...met.values()].filter((other) => other === one).length);
    t.same(sizes, [250, 250, 100]);
    await forEachInTurns([], () => t.fail('there is nothing to meet'));
  },
);

t.test('works of one name run one after the other', async (t) => {
  const log: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const work = (name: string) => () => {
    log.push(name);
    return new Promise<string>((resolve, reject) => {
      ends.set(name, (error) => (error ? reject(error) : resolve(`${name} done`)));
    });
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const first = oneAtATime('a', work('a1'));
  const second = oneAtATime('a', work('a2'));
  const third = oneAtATime('a', work('a3'));
  const other = oneAtATime('b', work('b1'));
  await settled();
  t.same(log, ['a1', 'b1'], 'other names do not wait');
  ends.get('a1')?.(new Error('no'));
  await t.rejects(first, { message: 'no' });
  await settled();
  t.same(log, ['a1', 'b1', 'a2'], 'one that fails does not keep the next');
  ends.get('a2')?.();
  t.equal(await second, 'a2 done');
  await settled();
  ends.get('a3')?.();
  ends.get('b1')?.();
  t.same(await Promise.all([third, other]), ['a3 done', 'b1 done']);
  const fourth = oneAtATime('a', work('a4'));
  await settled();
  t.same(log, ['a1', 'b1', 'a2', 'a3', 'a4'], 'nothing is left to wait for');
  ends.get('a4')?.();
  await fourth;
});
