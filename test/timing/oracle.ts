/** `npm run test:timing`: whether the time of an answer tells what an address is. HELP says how. */
import { fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import t, { type Test } from 'tap';
import { startPostgres } from '../../scripts/postgres.js';
import type { Call, World } from '../address-calls.js';
import { ADDRESS_STATES, makeAddresses, type AddressState } from '../address-states.js';
import type { Engine } from '../helper.js';
import { Caller } from './caller.js';
import { Sample, welch } from './welch.js';

const HELP = `npm run test:timing -- [options]
  --sign <n>     timed requests of each state for signing (1500)
  --others <n>   the same for every other call (200)
  --only <text>  only calls whose name matches this
  --engine <e>   sqlite or postgres alone

Every call that takes an address from a stranger is made with addresses in all eight states, each used once, in random
order, over one connection to a server in a process of its own. By Welch's t each state is held against all others
together: 4.5 or more, either way, fails the run. Only requests for warming up are left out. The machine should be calm.`;

const WARM_UP = 50;
const TELLS = 4.5;

const { values: flags } = parseArgs({
  options: {
    sign: { type: 'string', default: '1500' },
    others: { type: 'string', default: '200' },
    only: { type: 'string', default: '' },
    engine: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const only = new RegExp(flags.only);
const most = { sign: Number(flags.sign), others: Number(flags.others) };
const wrong =
  !(most.sign > 1 && most.others > 1) || ![undefined, 'sqlite', 'postgres'].includes(flags.engine);
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
  const { engines } = await import('../helper.js');
  return engines.filter(({ name }) => flags.engine === undefined || name === flags.engine);
}

async function startServer({ api }: World): Promise<Caller> {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-timing-'));
  const path = fileURLToPath(new URL('server.ts', import.meta.url));
  const { ROOT_KEY } = await import('../helper.js');
  const child = fork(path, [api.url, folder, ROOT_KEY.toString('hex')], {
    execArgv: ['--import', import.meta.resolve('tsx')],
  });
  const [port] = (await once(child, 'message')) as [number];
  const caller = new Caller(port);
  harness.teardown(async () => {
    caller.close();
    const exit = once(child, 'exit');
    child.kill();
    await exit;
    rmSync(folder, { recursive: true, force: true });
  });
  return caller;
}

/** Every address once, in random order. */
function shuffled<T>(items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i -= 1) {
    const j = randomInt(i + 1);
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
  return items;
}

async function time(world: World, caller: Caller, call: Call): Promise<Record<AddressState, Sample>> {
  const each = call.name === 'sign' ? most.sign : most.others;
  const place = { petition: call.petition ?? 'quiet', texts: [world.texts.lead, world.texts.quick] };
  const addresses = await makeAddresses(world.api, place, each + Math.ceil(WARM_UP / ADDRESS_STATES.length));
  const turns = shuffled(
    ADDRESS_STATES.flatMap((state) => addresses[state].map((email) => ({ state, email }))),
  );
  const keys = call.key && (await Promise.all(turns.map(call.key)));
  const samples = Object.fromEntries(ADDRESS_STATES.map((state) => [state, new Sample()]));
  for (const [i, { state, email }] of turns.entries()) {
    const { status, ms } = await caller.post(call.path, call.body(email), keys?.[i]);
    if (status !== (call.status ?? 202)) throw new Error(`${call.name}: ${status}`);
    if (i >= WARM_UP) samples[state]?.add(ms);
  }
  return samples as Record<AddressState, Sample>;
}

/** Prints a line for each state. Returns how many of them can be told from the others. */
function judge(name: string, samples: Record<AddressState, Sample>): number {
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

async function run(): Promise<number> {
  let told = 0;
  for (const engine of await findEngines()) {
    const { callsOf, startWorld } = await import('../address-calls.js');
    const world = await startWorld(harness, engine);
    const caller = await startServer(world);
    console.log(`\n${engine.name}: state, requests, mean ms, deviation ms, t against all others`);
    for (const call of callsOf(world).filter(({ name }) => only.test(name))) {
      told += judge(call.name, await time(world, caller, call));
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
