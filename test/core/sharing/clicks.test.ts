import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import {
  CLICK_LIMITS,
  type ClickLimits,
  Clicks,
  type LinkRequest,
  type LinkSum,
} from '../../../src/core/sharing/clicks.js';

const START = Date.UTC(2026, 10, 24, 10);
const MINUTE = 60_000;

type Event = [at: number, kind: LinkRequest['kind'], network?: string, agent?: string, link?: number];

const request = ([, kind, network = 'home', agent = 'safari', link = 1]: Event): LinkRequest => ({
  link,
  kind,
  network,
  agent,
});

/** The sums of some requests, in the order of their times, settled now and then or once at the end. */
function play(
  events: readonly Event[],
  { every = Infinity, limits = CLICK_LIMITS }: { every?: number | undefined; limits?: ClickLimits } = {},
): LinkSum[] {
  const clicks = new Clicks(limits);
  const sums = new Map<string, LinkSum>();
  const take = (some: LinkSum[]) => {
    for (const sum of some) {
      const id = `${sum.link} ${sum.hour}`;
      const known = sums.get(id) ?? { ...sum, requests: 0, clicks: 0, machines: 0 };
      sums.set(id, {
        ...known,
        requests: known.requests + sum.requests,
        machines: known.machines + sum.machines,
        clicks: known.clicks + sum.clicks,
      });
    }
  };
  let next = START;
  for (const event of [...events].sort(([a], [b]) => a - b)) {
    const at = START + event[0];
    for (; next < at; next += every) take(clicks.settle(next));
    clicks.note(request(event), at);
  }
  const end = START + Math.max(0, ...events.map(([at]) => at)) + 30_000;
  for (; next < end; next += every) take(clicks.settle(next));
  take(clicks.settle(Infinity));
  return [...sums.values()].sort((a, b) => a.link - b.link || a.hour - b.hour);
}

const people = (events: readonly Event[], every?: number): number =>
  play(events, { every }).reduce((sum, { clicks }) => sum + clicks, 0);

type Case = { name: string; events: Event[]; people: number };

const CASES: Case[] = [
  { name: 'somebody', events: [[0, 'visit']], people: 1 },
  {
    name: 'a HEAD, a bot',
    events: [
      [0, 'probe'],
      [20_000, 'machine'],
      [40_000, 'declared_probe'],
    ],
    people: 0,
  },
  {
    name: 'the same browser again within half an hour',
    events: [
      [0, 'visit'],
      [1000, 'visit'],
      [30 * MINUTE - 1, 'visit'],
    ],
    people: 1,
  },
  {
    name: 'the same browser half an hour later',
    events: [
      [0, 'visit'],
      [30 * MINUTE, 'visit'],
    ],
    people: 2,
  },
  {
    name: 'two browsers in one house, and one browser on two links',
    events: [
      [0, 'visit', 'home', 'safari'],
      [100, 'visit', 'home', 'firefox'],
      [200, 'visit', 'home', 'safari', 2],
    ],
    people: 3,
  },
  {
    name: 'HEADs of the same network, before and after, at the edge',
    events: [
      [0, 'probe', 'a'],
      [10_000, 'visit', 'a'],
      [50_000, 'visit', 'b'],
      [60_000, 'declared_probe', 'b'],
    ],
    people: 0,
  },
  {
    name: 'HEADs of the same network, too early and too late',
    events: [
      [0, 'probe', 'a'],
      [10_001, 'visit', 'a'],
      [50_000, 'visit', 'b'],
      [60_001, 'probe', 'b'],
    ],
    people: 2,
  },
  {
    name: 'a GET and three HEADs from four addresses of a cloud',
    events: [
      [0, 'visit', 'a'],
      [300, 'probe', 'b'],
      [900, 'probe', 'c'],
      [1500, 'probe', 'd'],
    ],
    people: 0,
  },
  {
    name: 'the same with the GET in the middle, and with two HEADs of one address',
    events: [
      [0, 'probe', 'b'],
      [400, 'visit', 'a'],
      [900, 'probe', 'b'],
    ],
    people: 0,
  },
  {
    name: 'a checker takes one GET, the nearest, and leaves people alone',
    events: [
      [0, 'visit', 'a'],
      [200, 'probe', 'b'],
      [600, 'probe', 'c'],
      [700, 'visit', 'somebody'],
      [1100, 'probe', 'd'],
      [1600, 'visit', 'somebody else'],
    ],
    people: 2,
  },
  {
    name: 'two checkers at once take two',
    events: [
      [0, 'visit', 'a'],
      [50, 'visit', 'e'],
      ...['b', 'c', 'd', 'f', 'g', 'h'].map((network, i): Event => [300 + i * 100, 'probe', network]),
    ],
    people: 0,
  },
  {
    name: 'the HEADs of a bot that names itself only in its GET leave people alone',
    events: [
      [0, 'machine', 'x'],
      [300, 'probe', 'b'],
      [600, 'probe', 'c'],
      [900, 'probe', 'd'],
      [1500, 'visit', 'somebody'],
    ],
    people: 1,
  },
  {
    name: 'HEADs that belong to a GET of their own network take no other',
    events: [
      [0, 'visit', 'a'],
      [300, 'probe', 'a'],
      [350, 'visit', 'somebody'],
      [600, 'probe', 'a'],
      [900, 'probe', 'a'],
    ],
    people: 1,
  },
  {
    name: 'nor do those whose GET comes later',
    events: [
      [0, 'probe', 'a'],
      [500, 'probe', 'a'],
      [700, 'visit', 'somebody'],
      [9000, 'visit', 'a'],
    ],
    people: 1,
  },
  {
    name: 'one HEAD from elsewhere, HEADs of known bots, and HEADs of another link say nothing',
    events: [
      [0, 'visit', 'a'],
      [100, 'probe', 'b'],
      [30_000, 'visit', 'c'],
      [30_100, 'declared_probe', 'd'],
      [30_200, 'declared_probe', 'e'],
      [60_000, 'visit', 'f'],
      [60_100, 'probe', 'g', '', 2],
      [60_200, 'probe', 'h', '', 2],
    ],
    people: 3,
  },
  {
    name: 'HEADs that are too far away',
    events: [
      [0, 'visit', 'a'],
      [2001, 'probe', 'b'],
      [2100, 'probe', 'c'],
    ],
    people: 1,
  },
  {
    name: 'three browsers of one network within three seconds',
    events: [
      [0, 'visit', 'a', 'chrome'],
      [1500, 'visit', 'a', 'firefox'],
      [3000, 'visit', 'a', 'safari'],
    ],
    people: 0,
  },
  {
    name: 'three browsers of one network within a bit more',
    events: [
      [0, 'visit', 'a', 'chrome'],
      [1500, 'visit', 'a', 'firefox'],
      [3001, 'visit', 'a', 'safari'],
    ],
    people: 3,
  },
  {
    name: 'a fourth and a fifth browser go with the others',
    events: ['1', '2', '3', '4', '5'].map((agent, i): Event => [i * 1000, 'visit', 'a', agent]),
    people: 0,
  },
  {
    name: 'so many from one network in an hour, and again in the next',
    events: Array.from({ length: 120 }, (_, i): Event => [i * MINUTE, 'visit', 'office', `browser ${i}`]),
    people: 60,
  },
];

t.test('who is a person', (t) => {
  for (const { name, events, people: wanted } of CASES) {
    t.equal(people(events), wanted, name);
    t.equal(people(events, 500), wanted, `${name}: settled as it goes`);
    const requests = play(events).reduce((sum, one) => sum + one.requests, 0);
    t.equal(requests, events.length, `${name}: every request is one`);
  }
  t.end();
});

t.test('when a click is certain', (t) => {
  const clicks = new Clicks();
  const at = START + 59 * MINUTE + 59_000;
  const hour = Math.floor(at / 3_600_000);
  clicks.note(request([0, 'visit']), at);
  t.same(clicks.settle(at), [{ link: 1, hour, requests: 1, clicks: 0, machines: 0 }], 'the request at once');
  t.same(clicks.settle(at + 10_000), [], 'the click not yet');
  const late = clicks.settle(at + 10_001);
  t.same(late, [{ link: 1, hour, requests: 0, clicks: 1, machines: 0 }], 'then, in the hour in which it was');
  t.same(clicks.settle(at + 60_000), [], 'once');

  clicks.note(request([0, 'visit', 'elsewhere']), at);
  t.equal(clicks.settle(Infinity)[0]?.clicks, 1, 'what is held back at the end is a person');
  t.equal(clicks.size, 0, 'and nothing is left');
  t.end();
});

const holds = <Values>(t: Test, property: fc.IProperty<Values>, numRuns = 200) =>
  t.doesNotThrow(() => fc.assert(property, { numRuns }));

const anyEvents = fc.array(
  fc.record({
    gap: fc.oneof(fc.integer({ min: 0, max: 1500 }), fc.integer({ min: 0, max: 12_000 })),
    kind: fc.constantFrom<LinkRequest['kind']>('visit', 'visit', 'probe', 'machine', 'declared_probe'),
    network: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    agent: fc.constantFrom('1', '2', '3', '4'),
    link: fc.integer({ min: 1, max: 2 }),
  }),
  { maxLength: 60 },
);
type Drawn = typeof anyEvents extends fc.Arbitrary<infer Value> ? Value : never;

const toEvents = (drawn: Drawn): Event[] => {
  let at = 0;
  return drawn.map(({ gap, kind, network, agent, link }) => [(at += gap), kind, network, agent, link]);
};

t.test('figures do not depend on when they are asked for', (t) => {
  holds(
    t,
    fc.property(anyEvents, fc.integer({ min: 137, max: 20_000 }), (drawn, every) => {
      const events = toEvents(drawn);
      return isDeepStrictEqual(play(events, { every }), play(events));
    }),
  );
  t.end();
});

t.test('links do not touch each other, and clicks are among the requests', (t) => {
  holds(
    t,
    fc.property(anyEvents, (drawn) => {
      const events = toEvents(drawn);
      const alone = [1, 2].flatMap((link) => play(events.filter((event) => event[4] === link)));
      const visits = events.filter(([, kind]) => kind === 'visit').length;
      return isDeepStrictEqual(play(events), alone) && people(events) <= visits;
    }),
  );
  t.end();
});

t.test('memory is bounded, whatever comes', (t) => {
  const limits = { held: 40, browsers: 60, networks: 50, sums: 5 };
  // A request adds a place and a visit at most; nothing else is held beyond its limit.
  const most = limits.held + 2 + limits.browsers + limits.networks + limits.sums;
  const flood = fc.array(
    fc.record({
      gap: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 3000 })),
      kind: fc.constantFrom<LinkRequest['kind']>('visit', 'visit', 'visit', 'probe', 'machine'),
      network: fc.integer({ min: 0, max: 500 }).map(String),
      agent: fc.integer({ min: 0, max: 50 }).map(String),
      link: fc.integer({ min: 1, max: 9 }),
      settle: fc.boolean(),
    }),
    { minLength: 100, maxLength: 400, size: 'max' },
  );
  holds(
    t,
    fc.property(flood, (drawn) => {
      const clicks = new Clicks(limits);
      let at = START;
      let largest = 0;
      for (const { gap, settle, ...one } of drawn) {
        at += gap;
        clicks.note(one, at);
        if (settle) clicks.settle(at);
        largest = Math.max(largest, clicks.size);
      }
      clicks.settle(at + 2 * 3_600_000);
      // All of it is forgotten in the end.
      return largest <= most && clicks.size === 0;
    }),
    30,
  );
  t.end();
});

t.test('when memory is full, requests are still counted', (t) => {
  const limits = { held: 1000, browsers: 10, networks: 1000, sums: 1000 };
  const events = Array.from({ length: 50 }, (_, i): Event => [i * 5000, 'visit', `network ${i}`]);
  t.match(play(events, { limits }), [{ requests: 50, clicks: 10 }]);
  t.end();
});

t.test('a flood is quick', (t) => {
  const clicks = new Clicks();
  const started = performance.now();
  for (let i = 0; i < 200_000; i += 1) {
    const kind = i % 3 === 0 ? 'probe' : 'visit';
    clicks.note({ link: 1, kind, network: String(i % 40_000), agent: String(i) }, START + i / 20);
    if (i % 20_000 === 0) clicks.settle(START + i / 20);
  }
  const seconds = (performance.now() - started) / 1000;
  t.ok(seconds < 10, `200,000 requests in ${seconds.toFixed(2)} s`);
  t.end();
});
