/** `npm run test:timing`: whether the time of an answer tells what an address is. HELP says how. */
import { fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import t, { type Test } from 'tap';
import { startPostgres } from '../../scripts/postgres.js';
import type { Call, World } from '../support/address-calls.js';
import { ADDRESS_STATES, makeAddresses, type AddressState } from '../support/address-states.js';
import type { Engine } from '../support/helper.js';
import { Caller } from './caller.js';
import { Sample, welch } from './welch.js';

const HELP = `npm run test:timing -- [options]
  --sign <n>     timed requests of each state for signing (1500)
  --others <n>   the same for every other call (200)
  --only <text>  only calls whose name matches this
  --after <n>    the same for what is asked after the answer, which takes a second each (100); 0: not at all
  --later <ms>   for how long after the answer (900); 0: only the six at once, of which there can be thousands
  --company <n>  so many others sign at the same time, on connections of their own (0)
  --engine <e>   sqlite or postgres alone

Every call that takes an address from a stranger is made with addresses in all eight states, each used once, in random
order, over one connection to a server in a process of its own. By Welch's t each state is held against all others
together: 4.5 or more, either way, fails the run. Then the same with a server that sends the mails: what is timed are
requests after the answer, which have nothing to do with it ('GET /livez'): six at once, and as many as there can be in the
second in which the mail is made. Only requests for warming up are left out. The machine should be calm.`;

const WARM_UP = 50;
const TELLS = 4.5;

const { values: flags } = parseArgs({
  options: {
    sign: { type: 'string', default: '1500' },
    others: { type: 'string', default: '200' },
    after: { type: 'string', default: '100' },
    later: { type: 'string', default: '900' },
    only: { type: 'string', default: '' },
    company: { type: 'string', default: '0' },
    engine: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const only = new RegExp(flags.only);
const most = { sign: Number(flags.sign), others: Number(flags.others), after: Number(flags.after) };
const company = Number(flags.company);
const wrong =
  !(most.sign > 1 && most.others > 1 && most.after >= 0 && Number(flags.later) >= 0 && company >= 0) ||
  ![undefined, 'sqlite', 'postgres'].includes(flags.engine);
if (flags.help || wrong) {
  console.log(HELP);
  process.exit(wrong ? 2 : 0);
}

// The tests' helpers bring tap along: this is none of its tests, and takes its time.
t.setTimeout(0);

/** What a test would clean up. */
const cleanUps: (() => unknown)[] = [];
const harness = { teardown: (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp) } as unknown as Test;
async function cleanUp() {
  for (const one of cleanUps.splice(0)) await one();
}

/** The tests' database servers; their module looks for PostgreSQL when it is loaded. */
async function findEngines(): Promise<Engine[]> {
  if (flags.engine !== 'sqlite' && !process.env['TEST_POSTGRES_URL']) {
    const server = await startPostgres();
    if (server) {
      harness.teardown(() => server.stop());
      process.env['TEST_POSTGRES_URL'] = server.url;
    } else console.log('There is no PostgreSQL here: only SQLite is timed.');
  }
  const { engines } = await import('../support/helper.js');
  return engines.filter(({ name }) => flags.engine === undefined || name === flags.engine);
}

type Server = { port: number; caller: Caller; stop(): Promise<void> };

/** `mail`: whether it sends what waits. */
async function startServer({ api }: World, mail: boolean): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-timing-'));
  const path = fileURLToPath(new URL('server.ts', import.meta.url));
  const { ROOT_KEY } = await import('../support/helper.js');
  const child = fork(path, [api.url, folder, ROOT_KEY.toString('hex'), mail ? 'mail' : 'quiet'], {
    execArgv: ['--import', import.meta.resolve('tsx')],
  });
  const [port] = (await once(child, 'message')) as [number];
  const caller = new Caller(port);
  const stop = async () => {
    caller.close();
    const exit = once(child, 'exit');
    if (child.connected) {
      child.disconnect();
      await exit;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  harness.teardown(stop);
  return { port, caller, stop };
}

/** Others who sign while `work` runs. */
async function inCompany<T>(port: number, work: () => Promise<T>): Promise<T> {
  if (company === 0) return work();
  const path = fileURLToPath(new URL('company.ts', import.meta.url));
  const args = [String(port), '/v1/petitions/quiet/signatures', String(company)];
  const others = fork(path, args, { execArgv: ['--import', import.meta.resolve('tsx')] });
  harness.teardown(() => others.kill());
  try {
    return await work();
  } finally {
    others.kill();
  }
}

/** Every address once, in random order. */
function shuffled<T>(items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i -= 1) {
    const j = randomInt(i + 1);
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
  return items;
}

type Turn = { state: AddressState; email: string; key: string | undefined };

/** Addresses in all states, in random order. */
async function makeTurns(world: World, call: Call, each: number): Promise<Turn[]> {
  const place = { petition: call.petition ?? 'quiet', texts: [world.texts.lead, world.texts.quick] };
  const addresses = await makeAddresses(world.api, place, each + Math.ceil(WARM_UP / ADDRESS_STATES.length));
  const turns = shuffled(
    ADDRESS_STATES.flatMap((state) => addresses[state].map((email) => ({ state, email }))),
  );
  const keys = call.key && (await Promise.all(turns.map(call.key)));
  return turns.map((turn, i) => ({ ...turn, key: keys?.[i] }));
}

type Samples = Record<AddressState, Sample>;

/** What is timed of one request, by name: milliseconds. */
type Measure = (caller: Caller, call: Call, turn: Turn) => Promise<Record<string, number>>;

async function time(turns: Turn[], caller: Caller, call: Call, measure: Measure) {
  const samples: Record<string, Samples> = {};
  for (const [i, turn] of turns.entries()) {
    const measured = await measure(caller, call, turn);
    if (i < WARM_UP) continue;
    for (const [name, ms] of Object.entries(measured)) {
      samples[name] ??= Object.fromEntries(ADDRESS_STATES.map((state) => [state, new Sample()])) as Samples;
      samples[name][turn.state].add(ms);
    }
  }
  return samples;
}

const ask: Measure = async (caller, call, { email, key }) => {
  const { status, ms } = await caller.post(call.path, call.body(email), key);
  if (status !== (call.status ?? 202)) throw new Error(`${call.name}: ${status}`);
  return { answer: ms };
};

const AT_ONCE = 6;
/** By default until the worker has begun, and made the mail. */
const laterMs = Number(flags.later);

/** A slow one in so many tells little of the others, and would hide them. */
const LONGEST_MS = 20;

const askAfter: Measure = async (caller, call, turn) => {
  await ask(caller, call, turn);
  const from = performance.now();
  const times: number[] = [];
  while (times.length < AT_ONCE || performance.now() - from < laterMs) {
    times.push(Math.min((await caller.get('/livez')).ms, LONGEST_MS));
  }
  const sum = (some: number[]) => some.reduce((all, ms) => all + ms, 0);
  const atOnce = times.slice(0, AT_ONCE);
  const soon = { 'six at once': sum(atOnce), 'longest of six at once': Math.max(...atOnce) };
  if (laterMs === 0) return soon;
  return {
    ...soon,
    'mean in the second after': sum(times) / times.length,
    'longest in the second after': Math.max(...times),
    'in the second after, the slowest ten': sum(times.toSorted((a, b) => b - a).slice(0, 10)),
  };
};

/** Those for which a mail may be made. */
const MAILS = /^(sign|subscribe|my data|unsubscribe|resend, for a petition)$/;

/** Prints a line for each state. Returns how many of them can be told from the others. */
function judge(name: string, samples: Samples): number {
  console.log(`\n${name}`);
  let told = 0;
  for (const state of ADDRESS_STATES) {
    const one = samples[state];
    const others = Sample.of(
      ADDRESS_STATES.filter((other) => other !== state).map((other) => samples[other]),
    );
    const score = welch(one, others);
    const tells = Math.abs(score) >= TELLS;
    if (tells) told += 1;
    const figures = [one.mean, Math.sqrt(one.variance)].map((ms) => ms.toFixed(3).padStart(9)).join('');
    console.log(
      `  ${state.padEnd(13)}${String(one.n).padStart(6)}${figures}${score.toFixed(2).padStart(9)}${tells ? '  TELLS' : ''}`,
    );
  }
  return told;
}

const judgeAll = (call: Call, samples: Record<string, Samples>): number =>
  Object.entries(samples).reduce((told, [what, some]) => told + judge(`${call.name}: ${what}`, some), 0);

/** Until the mails of before are gone. */
async function drained({ api }: World): Promise<void> {
  const { readQueue } = await import('../../src/core/mail/outbox.js');
  while ((await readQueue(api.store.read)).queued > 0) await sleep(100);
}

async function run(): Promise<number> {
  let told = 0;
  for (const engine of await findEngines()) {
    const { callsOf, startWorld } = await import('../support/address-calls.js');
    const world = await startWorld(harness, engine);
    const calls = callsOf(world).filter(({ name }) => only.test(name));
    console.log(`\n${engine.name}: state, requests, mean ms, deviation ms, t against all others`);
    const quiet = await startServer(world, false);
    for (const call of calls) {
      const turns = await makeTurns(world, call, call.name === 'sign' ? most.sign : most.others);
      const timed = await inCompany(quiet.port, () => time(turns, quiet.caller, call, ask));
      told += judgeAll(call, timed);
    }
    await quiet.stop();
    for (const call of most.after > 0 ? calls.filter(({ name }) => MAILS.test(name)) : []) {
      // Making them takes letters out of the queue, which a server would send.
      const turns = await makeTurns(world, call, most.after);
      const busy = await startServer(world, true);
      await drained(world);
      told += judgeAll(call, await time(turns, busy.caller, call, askAfter));
      await busy.stop();
    }
  }
  console.log(told === 0 ? '\nNo state can be told by its time.' : `\n${told} TELL.`);
  return told === 0 ? 0 : 1;
}

process.once('SIGINT', () => void cleanUp().then(() => process.exit(130)));
try {
  process.exitCode = await run();
} finally {
  await cleanUp();
}
