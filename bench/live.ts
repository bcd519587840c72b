/** `npm run bench:live`: signing while thousands of streams follow the counts. See README.md. */
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startOurs, worker, type Contender } from './contenders.js';
import type { ListenOrder, ListenReport } from './live-listeners.js';
import { memoryOf } from './meter.js';
import { publishPetition } from './petition.js';
import { build, openStage } from './stage.js';
import type { Order, Report } from './types.js';

const HELP = `npm run bench:live -- [options]
  --listeners <n>       streams that are open (5000)
  --seconds <n>         measured seconds, without and with them (20)
  --connections <n>     sockets that sign (50)
  --built               use dist as it is`;

const { values: flags } = parseArgs({
  options: {
    listeners: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '20' },
    connections: { type: 'string', default: '50' },
    built: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const [listeners, seconds, connections] = [flags.listeners, flags.seconds, flags.connections].map(Number) as [
  number,
  number,
  number,
];
if (flags.help || ![listeners, seconds, connections].every((n) => n > 0)) {
  console.log(HELP);
  process.exit(flags.help ? 0 : 2);
}

/** The server's event loop histogram includes the ten milliseconds of its own timer. */
const TIMER_MS = 10;
const WARMUP = 2;
const { folder, keep, stop, run } = openStage();
await run(bench);

async function bench() {
  if (!flags.built) build();
  const server = await keep(startOurs(folder));
  const env = { DATABASE_URL: `file:${server.file}`, ROOT_KEY: Buffer.alloc(32, 1).toString('base64') };
  const { path } = await publishPetition(`http://127.0.0.1:${server.port}`, env, folder, 'none');
  const load = await keep(worker<Order, Report>('load.ts'));
  const crowd = await keep(worker<ListenOrder, ListenReport>('live-listeners.ts'));
  const at: number[] = [];
  let signers = 0;

  async function sign(warmup: number) {
    const { pid, port } = server;
    const order = { kind: 'sign', path: `${path}/signatures`, connections, timeline: true } as const;
    const running = load.ask({ ...order, pid, port, seconds, warmup, first: signers });
    await sleep(warmup * 1000);
    // Reading the metrics resets the histogram.
    await loopOf(server);
    const report = await running;
    const loop = await loopOf(server);
    if (report.statuses[202] !== report.sent) throw new Error(JSON.stringify(report.statuses));
    signers += report.sent;
    for (const instant of report.at) at.push(instant);
    return { ...report, loop, memory: memoryOf(pid) };
  }

  const alone = await sign(WARMUP);
  const opening = performance.now();
  await crowd.ask({ what: 'open', port: server.port, path: `${path}/counts/live`, listeners });
  const opened = (performance.now() - opening) / 1000;
  await crowd.ask({ what: 'begin' });
  const together = await sign(WARMUP);
  // The last count arrives within a second.
  await sleep(2500);
  const heard = await crowd.ask({ what: 'end', at });
  if (heard.lost > 0) throw new Error(`${heard.lost} streams were lost`);
  if (heard.last !== signers) throw new Error(`a listener's last count was ${heard.last} of ${signers}`);

  const ms = (value: number) => value.toFixed(1);
  const line = (name: string, { answers, elapsed, p50, p99, loop, memory, ...rest }: typeof alone) =>
    console.log(
      `${name.padEnd(24)} ${(answers / elapsed).toFixed(0).padStart(7)} signatures/s, p50 ${ms(p50)} ms, p99 ${ms(p99)} ms, CPU ${((rest.serverCpu / answers) * 1e6).toFixed(0)} µs each, ${((100 * rest.serverCpu) / elapsed).toFixed(0)} % of a core; event loop p99 ${ms(loop.p99)} ms, longest ${ms(loop.max)} ms; RSS ${memory?.rss.toFixed(0)} MB; others ${((100 * rest.otherCpu) / elapsed).toFixed(0)} %`,
    );
  console.log(
    `\n${cpus()[0]?.model.trim()} × ${cpus().length}, Node ${process.versions.node}, ${connections} sockets sign for ${seconds} s\n`,
  );
  line('without listeners', alone);
  line(`${heard.open} listen`, together);
  console.log(`
opened in ${opened.toFixed(1)} s; ${heard.events} events, ${heard.fewest} to ${heard.most} for each listener
from the newest signature in an event until it is read: p50 ${ms(heard.event.p50)} ms, p99 ${ms(heard.event.p99)} ms
from a signature until a count that it is in is read:   p50 ${ms(heard.signature.p50)} ms, p99 ${ms(heard.signature.p99)} ms
all ${heard.open} have heard the last count: ${heard.last}`);

  const stopping = performance.now();
  await stop(server);
  console.log(`the server ended within ${ms(performance.now() - stopping)} ms, with all of them listening`);
  await crowd.ask({ what: 'close' });
}

async function loopOf({ port }: Contender): Promise<{ p99: number; max: number }> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const read = (name: string) =>
    Number(new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)$`, 'm').exec(text)?.[1]) * 1000 -
    TIMER_MS;
  return { p99: read('p99'), max: read('max') };
}
