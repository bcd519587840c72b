import { CHROME, FIREFOX, PATTERNS, SAFARI_IOS, type ShareRequest } from './share-requests.js';
import { addresses, type Link } from './share-rows.js';

const HOUR = 3_600_000;

export type Sent = ShareRequest & { code: string };

/** The same numbers for the same seed. */
function numbers(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { upTo: (most: number) => Math.floor(next() * most) };
}

export type Truth = { requests: number; clicks: number; hours: Map<number, number> };

/**
 * A campaign of some hours on three links: people, alone and in offices, those who reload and come again, and between
 * them every pattern of machines. Nobody clicks while a checker is nearer to its own HEADs than they are.
 */
export function campaign(seed: number, start: number, links: readonly Link[]) {
  const { upTo } = numbers(seed);
  const addressOf = addresses();
  const sent: Sent[] = [];
  const truth = new Map(
    links.map(({ code }): [string, Truth] => [code, { requests: 0, clicks: 0, hours: new Map() }]),
  );
  const add = (code: string, requests: ShareRequest[], clicks: readonly number[]) => {
    const known = truth.get(code) as Truth;
    sent.push(...requests.map((request) => ({ ...request, code, from: addressOf(request.from) })));
    known.requests += requests.length;
    known.clicks += clicks.length;
    for (const at of clicks) {
      const hour = Math.floor(at / HOUR);
      known.hours.set(hour, (known.hours.get(hour) ?? 0) + 1);
    }
  };
  const agents = PATTERNS.filter(({ name }) => name.startsWith('in-app')).map(
    ({ requests }) => requests[0]?.headers['user-agent'] ?? '',
  );
  const browsers = [...agents, CHROME, FIREFOX, SAFARI_IOS];
  const visit = (at: number, from: string, agent: string): ShareRequest => ({
    at,
    from,
    headers: { 'user-agent': agent, 'sec-fetch-dest': 'document' },
  });

  for (const [n, { code }] of links.entries()) {
    const taken: { from: number; until: number }[] = [];
    const free = (from: number, until: number) => taken.every((one) => until < one.from || from > one.until);
    const machines = PATTERNS.filter(({ people }) => people === 0);
    for (const [i, { requests, name }] of [...machines, ...machines].entries()) {
      let at = 0;
      do at = start + upTo(5 * HOUR);
      while (!free(at - 15_000, at + 15_000));
      taken.push({ from: at - 15_000, until: at + 15_000 });
      add(
        code,
        requests.map((one) => ({ ...one, at: at + one.at, from: `${n} ${name} ${i} ${one.from}` })),
        [],
      );
    }
    const heads = sent.filter((one) => one.code === code && one.method === 'HEAD').map(({ at }) => at);
    const clear = (at: number) => heads.every((head) => Math.abs(head - at) > 1700);
    for (let i = 0; i < 150; i += 1) {
      let at = 0;
      do at = start + upTo(5 * HOUR);
      while (!clear(at));
      const [from, agent] = [`${n} person ${i}`, browsers[upTo(browsers.length)] ?? CHROME];
      const again = upTo(4) === 0 ? [at + 2_000_000] : [];
      const clicks = [at, ...again.filter(clear)];
      add(
        code,
        clicks.map((one) => visit(one, from, agent)),
        clicks,
      );
      // Reloads, of which nobody is one more person.
      if (upTo(5) === 0) add(code, [visit(at + 1 + upTo(1_700_000), from, agent)], []);
    }
    // An office behind one address: more than a network may be, one each half minute.
    const office = Array.from({ length: 45 }, (_, i) => start + 6 * HOUR + i * 30_000);
    add(
      code,
      office.map((at, i) => visit(at, `${n} office`, `${CHROME} Desk/${i}`)),
      office.slice(0, 30),
    );
  }
  return { sent: sent.sort((a, b) => a.at - b.at), truth };
}
