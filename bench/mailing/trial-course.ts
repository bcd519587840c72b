import { setTimeout as sleep } from 'node:timers/promises';
import type { SinkCount, SinkAsk, SinkSaid } from './sink-faults.js';
import type { TrialServer } from './trial-server.js';
import { sure } from './trial-server.js';
import { reportEvents, type Organiser } from './trial-world.js';

/* What happens to the mailing on its way, and what is looked at all the time. */

export type Sink = {
  ask: (question: SinkAsk) => Promise<SinkSaid>;
  count: () => Promise<SinkCount>;
};

export type Watch = {
  looks: number;
  /** What did not hold at a look. */
  wrong: string[];
  /** The audience and its states when it was last looked at. */
  last: Statistics | undefined;
  stop: () => Promise<void>;
};
export type Statistics = {
  audience: number;
  states: Record<string, number>;
  variants: { id: string; states: Record<string, number>; sent: number }[];
  [figure: string]: any;
};

const sumOf = (states: Record<string, number>) => Object.values(states).reduce((a, b) => a + b, 0);
const EVERY_MS = 250;

/** Reads the statistics all the time. The server may be dead: then it is no look. */
export function watch({ call, mailing }: Organiser, sink: Sink): Watch {
  let stopped = false;
  const self: Watch = { looks: 0, wrong: [], last: undefined, stop: async () => undefined };

  async function look(): Promise<void> {
    const answer = await call('GET', `/v1/mailings/${mailing}/statistics`).catch(() => undefined);
    if (answer?.status !== 200) return;
    const seen = answer.body as Statistics;
    const { taken } = await sink.count();
    self.looks += 1;
    const states = JSON.stringify(seen.states);
    if (sumOf(seen.states) !== seen.audience) self.wrong.push(`${seen.audience} are not ${states}`);
    for (const state of Object.keys(seen.states)) {
      const byVariant = seen.variants.reduce((sum, one) => sum + (one.states[state] ?? 0), 0);
      if (byVariant > (seen.states[state] ?? 0)) self.wrong.push(`more ${state} by variant than ${states}`);
    }
    if ((seen.states['sent'] ?? 0) > taken) self.wrong.push(`${taken} were taken, but ${states}`);
    if ((seen.states['sent'] ?? 0) < (self.last?.states['sent'] ?? 0)) {
      self.wrong.push(`fewer sent: ${states}`);
    }
    self.last = seen;
  }

  const looping = (async () => {
    while (!stopped) {
      await look();
      await sleep(EVERY_MS);
    }
  })();
  self.stop = async () => {
    stopped = true;
    await looping;
  };
  return self;
}

export type Course = {
  happened: string[];
  /** Tells that something has happened. */
  tell: (what: string) => void;
  wrong: string[];
  /** Who left while it was paused, before they had got it. */
  left: Map<string, string>;
};

/** How long after a pause the few mails under way may still arrive: a slow reply takes 1.5 s. */
const LANDED_MS = 5000;
const SILENCE_MS = 3000;
const AWAY_MS = 6000;
const LEAVE = 4;

type Parts = { server: TrialServer; organiser: Organiser; sink: Sink; course: Course; random: () => number };

async function kill({ server, sink, course }: Parts): Promise<void> {
  const { seen } = await sink.count();
  await server.end('SIGKILL');
  await server.start();
  course.tell(`SIGKILL after ${seen}`);
}

async function terminate({ server, sink, course }: Parts): Promise<void> {
  const { seen } = await sink.count();
  const from = performance.now();
  const code = await server.end('SIGTERM');
  const ms = Math.round(performance.now() - from);
  if (code !== 0) course.wrong.push(`SIGTERM ends it with ${code}`);
  if (ms > 20_000) course.wrong.push(`SIGTERM took ${ms} ms`);
  const before = (await sink.count()).taken;
  await server.start();
  course.tell(`SIGTERM after ${seen}, ended in ${ms} ms with ${before} taken`);
}

async function away({ sink, course }: Parts): Promise<void> {
  const { seen } = await sink.count();
  await sink.ask({ ask: 'away', ms: AWAY_MS });
  course.tell(`mail server away for ${AWAY_MS / 1000} s after ${seen}`);
}

/** Pauses; looks that nothing arrives; some leave; goes on. */
async function pause({ server, organiser, sink, course }: Parts): Promise<void> {
  const { call, mailing, invited, blocked } = organiser;
  await sure(call)('POST', `/v1/mailings/${mailing}/pause`);
  await sleep(LANDED_MS);
  const before = await sink.count();
  await sleep(SILENCE_MS);
  const after = await sink.count();
  if (after.taken !== before.taken) {
    course.wrong.push(`${after.taken - before.taken} mails while it was paused`);
  }
  const { seen } = (await sink.ask({ ask: 'seen' })) as { seen: string[] };
  const known = new Set(seen);
  const waiting = invited.flatMap(({ email }) => (known.has(email) || blocked.has(email) ? [] : email));
  const [complain, bounce, leave] = [0, 1, 2].map((n) => waiting.slice(n * LEAVE, (n + 1) * LEAVE));
  await reportEvents(server, 'complaint', complain ?? []);
  await reportEvents(server, 'bounce', bounce ?? []);
  for (const email of leave ?? []) {
    const { data } = await sure(call)('GET', `/v1/subscriptions?email=${encodeURIComponent(email)}`);
    await sure(call)('POST', `/v1/subscriptions/${data[0].id}/end`, { reason: 'Asked on the phone' });
    course.left.set(email, 'unsubscribed');
  }
  for (const email of [...(complain ?? []), ...(bounce ?? [])]) course.left.set(email, 'unsubscribed');
  await sure(call)('POST', `/v1/mailings/${mailing}/resume`);
  course.tell(`paused after ${before.seen}, ${course.left.size} left, resumed`);
}

async function choose({ organiser, course }: Parts): Promise<void> {
  const { call, mailing, variants } = organiser;
  await sure(call)('POST', `/v1/mailings/${mailing}/winner`, { variant_id: variants[1] });
  course.tell('the second wording chosen by hand');
}

type Event = { at: number; run: (parts: Parts) => Promise<void> };

/** When what happens, in shares of the audience that the mail server has heard of. */
export function plan(kills: number, random: () => number): Event[] {
  const events: Event[] = [
    { at: 0.12, run: away },
    { at: 0.5, run: pause },
    { at: 0.65, run: terminate },
  ];
  for (let n = 0; n < kills; n += 1) {
    events.push({ at: 0.03 + (0.85 * (n + 0.8 * random())) / kills, run: kill });
  }
  return events.sort((a, b) => a.at - b.at);
}

/** Everything happens in its turn, until the mailing is done. Returns false if it is not done in time. */
export async function runCourse(parts: Parts, events: Event[], withinMs: number): Promise<boolean> {
  const { organiser, sink, course } = parts;
  const left = [...events];
  let chosen = false;
  for (const from = performance.now(); performance.now() - from < withinMs; await sleep(100)) {
    const { seen } = await sink.count();
    const next = left[0];
    if (next && seen >= next.at * organiser.invited.length) {
      left.shift();
      await next.run(parts);
      continue;
    }
    const answer = await organiser.call('GET', `/v1/mailings/${organiser.mailing}`).catch(() => undefined);
    if (answer?.status !== 200) continue;
    const { state, pause_reason: reason } = answer.body;
    if (state === 'paused') throw new Error(`it has paused by itself: ${reason}`);
    if (state === 'deciding' && !chosen) {
      chosen = true;
      await choose(parts);
    }
    if (state === 'done') {
      if (left.length > 0) course.wrong.push(`it was done before ${left.length} events`);
      if (!chosen) course.wrong.push('no winner was chosen');
      return true;
    }
  }
  return false;
}
