/** `npm run bench:overload`: the server under more load than it can serve. See README.md. */
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { worker } from './contenders.js';
import { memoryOf } from './meter.js';
import type { FloodOrder, FloodReport } from './open-loop.js';
import { startProbes } from './overload-probes.js';
import { openIdle, openSlow } from './overload-sockets.js';
import { startWorld, type World } from './overload-world.js';
import { build, openStage } from './stage.js';

const HELP = `npm run bench:overload -- [options]
  --engine sqlite|postgres  (sqlite)
  --only flood|idle|slow|soak  one of them
  --seconds <n>         how long the flood lasts (20)
  --times <n>           how many times the sustainable load (10)
  --sockets <n>         of the flood (2000)
  --idle <n>            connections that say nothing (10000)
  --requests <n>        of the soak (200000); an hour's equivalent is a million
  --built               use dist as it is`;

const { values: flags } = parseArgs({
  options: {
    engine: { type: 'string', default: 'sqlite' },
    only: { type: 'string' },
    seconds: { type: 'string', default: '20' },
    times: { type: 'string', default: '10' },
    sockets: { type: 'string', default: '2000' },
    idle: { type: 'string', default: '10000' },
    requests: { type: 'string', default: '200000' },
    built: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const numbers = [flags.seconds, flags.times, flags.sockets, flags.idle, flags.requests].map(Number);
const [seconds, times, sockets, idle, requests] = numbers as [number, number, number, number, number];
const wrong =
  !numbers.every((n) => n > 0) ||
  !['sqlite', 'postgres'].includes(flags.engine) ||
  ![undefined, 'flood', 'idle', 'slow', 'soak'].includes(flags.only);
if (flags.help || wrong) {
  console.log(HELP);
  process.exit(wrong ? 2 : 0);
}
const chosen = (part: string) => flags.only === undefined || flags.only === part;

/** Signatures per second in the background of other measurements. */
const STEADY = 300;
/** The peak is measured with few and with many sockets. */
const PEAK_SOCKETS = [100, 1000];
const PEAK_SECONDS = 5;

/** Null and NaN: nothing was measured. */
const ms = (value: number | null) => (value === null || Number.isNaN(value) ? '-' : `${value.toFixed(0)} ms`);
const rss = ({ server }: World) => memoryOf(server.pid)?.rss ?? NaN;

const { folder, keep, run } = openStage();
await run(bench);

async function bench() {
  if (!flags.built) build();
  const world = await keep(startWorld(flags.engine as 'sqlite' | 'postgres', folder));
  const load = await keep(worker<FloodOrder, FloodReport>('open-loop.ts'));
  let signers = 0;
  let acknowledged = 0;
  const flood = async (rate: number, forSeconds: number, on = sockets) => {
    const { port } = world.server;
    const path = `${world.petition}/signatures`;
    const report = await load.ask({ port, path, rate, seconds: forSeconds, sockets: on, first: signers });
    signers += report.offered;
    acknowledged += report.statuses[202] ?? 0;
    return report;
  };
  console.log(
    `${cpus()[0]?.model.trim()} × ${cpus().length}, Node ${process.versions.node}, ${flags.engine}\n`,
  );
  if (chosen('flood')) await measureFlood(world, flood);
  if (chosen('idle')) await measureIdle(world, flood);
  if (chosen('slow')) await measureSlow(world, flood);
  if (chosen('soak')) await measureSoak(world, flood);
  const counted = await world.confirmed();
  if (counted !== acknowledged) throw new Error(`${acknowledged} were acknowledged, ${counted} are counted`);
  console.log(`\n${acknowledged} signatures acknowledged, as many counted`);
}

type Flood = (rate: number, seconds: number, sockets?: number) => Promise<FloodReport>;

async function measureFlood(world: World, flood: Flood) {
  await flood(500, 2);
  // A rate at which every socket is always busy.
  let best: FloodReport | undefined;
  for (const some of PEAK_SOCKETS) {
    const found = await flood(1e5, PEAK_SECONDS, some);
    if (!best || found.inTime > best.inTime) best = found;
  }
  const peak = (best?.inTime ?? 0) / PEAK_SECONDS;
  const sustainable = 0.9 * peak;
  const before = memoryOf(world.server.pid);
  const probes = startProbes(world.server.port, {
    'GET /livez': { method: 'GET', path: '/livez' },
    'one-click unsubscribe': { method: 'POST', path: world.unsubscribe },
    'GET counts': { method: 'GET', path: `${world.petition}/counts` },
  });
  const report = await flood(times * sustainable, seconds);
  const goodput = report.inTime / seconds;
  const during = memoryOf(world.server.pid);
  const probed = await probes.stop();
  const recovered = await timeToRecover(flood, sustainable / 2);
  await sleep(2000);
  const after = memoryOf(world.server.pid);

  const answers = Object.values(report.statuses).reduce((sum, n) => sum + n, 0);
  console.log(`at its peak                   ${peak.toFixed(0)} signatures/s, p99 ${ms(best?.accepted.p99 ?? null)}
${times} × the sustainable ${sustainable.toFixed(0)}/s    ${(report.offered / seconds).toFixed(0)}/s offered for ${seconds} s on ${sockets} sockets, ${((100 * report.turnedAway) / report.offered).toFixed(0)} % found no free socket
goodput                       ${goodput.toFixed(0)}/s: ${((100 * goodput) / peak).toFixed(0)} % of the peak
accepted                      p50 ${ms(report.accepted.p50)}, p99 ${ms(report.accepted.p99)}
refused                       ${((100 * (report.statuses[503] ?? 0)) / answers).toFixed(0)} % with 503, p50 ${ms(report.refused.p50)}, p99 ${ms(report.refused.p99)}; ${report.withoutRetryAfter} without Retry-After
statuses                      ${JSON.stringify(report.statuses)}`);
  for (const { name, asked, failed, p50, p99 } of probed) {
    console.log(
      `${name.padEnd(29)} ${asked} answered, p50 ${ms(p50)}, p99 ${ms(p99)}, failed ${JSON.stringify(failed)}`,
    );
  }
  console.log(`RSS                           ${before?.rss.toFixed(0)} MB before, ${during?.rss.toFixed(0)} at the end, ${after?.rss.toFixed(0)} two seconds later
recovered                     ${recovered === undefined ? 'NOT' : `after ${ms(recovered)}`}`);
}

/** Milliseconds until, at half of the sustainable load, no request of 0.2 s is refused or slow; undefined: never. */
async function timeToRecover(flood: Flood, rate: number): Promise<number | undefined> {
  const begun = performance.now();
  for (let i = 0; i < 25; i += 1) {
    const passed = performance.now() - begun;
    const { statuses, accepted, offered } = await flood(rate, 0.2, 50);
    if (statuses[202] === offered && accepted.p99 < 250) return passed;
  }
  return undefined;
}

async function measureIdle(world: World, flood: Flood) {
  const alone = await flood(STEADY, 5, 100);
  const before = rss(world);
  const silent = await openIdle(world.server.port, idle);
  await sleep(1000);
  const during = rss(world);
  const among = await flood(STEADY, 5, 100);
  const still = silent.open();
  silent.close();
  await sleep(1000);
  console.log(`
${idle} idle connections      ${(((during - before) * 1024) / idle).toFixed(1)} KB each (RSS ${before.toFixed(0)} → ${during.toFixed(0)} MB); ${still} still open after 5 s
signing at ${STEADY}/s             p99 ${ms(alone.accepted.p99)} without them, ${ms(among.accepted.p99)} with them`);
  expectAll('idle', among);
}

async function measureSlow(world: World, flood: Flood) {
  const count = Math.min(idle, 900);
  const others = await socketsOf(world);
  const before = rss(world);
  const slow = await openSlow(world.server.port, count, world.petition);
  const begun = performance.now();
  let most = 0;
  let left = count;
  const among = await flood(STEADY, 5, 100);
  // Clients that do not read are closed after one or two minutes without a transferred byte.
  while (left > 2 && performance.now() - begun < 180_000) {
    await sleep(500);
    most = Math.max(most, rss(world));
    left = Math.max(0, (await socketsOf(world)) - others);
  }
  console.log(`
${count} slow clients            RSS ${before.toFixed(0)} MB before, ${most.toFixed(0)} at its highest; ${left} left after ${((performance.now() - begun) / 1000).toFixed(0)} s
signing at ${STEADY}/s among them  p99 ${ms(among.accepted.p99)}`);
  slow.close();
  expectAll('slow', among);
}

async function measureSoak(world: World, flood: Flood) {
  const [rounds, memory] = [10, [] as number[]];
  for (let i = 0; i < rounds; i += 1) {
    const each = requests / rounds;
    // At full speed, on so few sockets that no request is refused.
    const begun = performance.now();
    let answered = 0;
    while (answered < each) answered += (await flood(1e5, 3, 50)).statuses[202] ?? 0;
    memory.push(rss(world));
    console.log(
      `${i === 0 ? '\n' : ''}soak: ${(((i + 1) / rounds) * requests).toLocaleString('en')} requests, RSS ${memory.at(-1)?.toFixed(0)} MB, ${(answered / ((performance.now() - begun) / 1000)).toFixed(0)}/s`,
    );
  }
}

function expectAll(part: string, { statuses, offered, turnedAway }: FloodReport) {
  if (statuses[202] !== offered - turnedAway) throw new Error(`${part}: ${JSON.stringify(statuses)}`);
}

/** The number of connections by the server's metrics: clients that read nothing do not notice that they were closed. */
async function socketsOf({ server }: World): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  return Number(/^nodejs_active_resources\{type="TCPSocketWrap"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}
