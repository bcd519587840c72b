/** `npm run bench:live`: signing while thousands listen to the count. README.md says what is measured. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startOurs, worker, type Contender } from './contenders.js';
import type { ListenOrder, ListenReport } from './live-listeners.js';
import { memoryOf } from './meter.js';
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

/** The histogram of the server's event loop counts the ten milliseconds of its own timer. */
const TIMER_MS = 10;
const WARMUP = 2;
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'undersigned-bench-'));
const running: { stop(): Promise<void> }[] = [];

try {
  await bench();
} finally {
  for (const one of running) await one.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function keep<Started extends { stop(): Promise<void> }>(starting: Promise<Started>): Promise<Started> {
  const started = await starting;
  running.push(started);
  return started;
}

async function bench() {
  if (!flags.built) {
    console.log('Building …');
    execFileSync('npm', ['run', '-s', 'build'], { cwd: root, stdio: 'inherit' });
  }
  const server = await keep(startOurs(folder));
  const path = await publish(server);
  const load = await keep(worker<Order, Report>('load.ts'));
  const crowd = await keep(worker<ListenOrder, ListenReport>('live-listeners.ts'));
  const at: number[] = [];
  let signers = 0;

  async function sign(warmup: number) {
    const { pid, port } = server;
    const order = { kind: 'sign', path: `${path}/signatures`, connections, timeline: true } as const;
    const running = load.ask({ ...order, pid, port, seconds, warmup, first: signers });
    await sleep(warmup * 1000);
    // Reading them begins them anew.
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
  // The last count comes within a second.
  await sleep(2500);
  const heard = await crowd.ask({ what: 'end', at });
  if (heard.lost > 0) throw new Error(`${heard.lost} streams were lost`);
  if (heard.last !== signers) throw new Error(`somebody last heard of ${heard.last} of ${signers}`);

  const ms = (value: number) => value.toFixed(1);
  const line = (name: string, { answers, elapsed, p50, p99, loop, memory, ...rest }: typeof alone) =>
    console.log(
      `${name.padEnd(24)} ${(answers / elapsed).toFixed(0).padStart(7)} signatures/s, p50 ${ms(p50)} ms, p99 ${ms(p99)} ms, CPU ${((rest.serverCpu / answers) * 1e6).toFixed(0)} µs each, ${((100 * rest.serverCpu) / elapsed).toFixed(0)} % of a core; event loop p99 ${ms(loop.p99)} ms, longest ${ms(loop.max)} ms; RSS ${memory?.rss.toFixed(0)} MB; others ${((100 * rest.otherCpu) / elapsed).toFixed(0)} %`,
    );
  console.log(
    `\n${cpus()[0]?.model.trim()} × ${cpus().length}, Node ${process.versions.node}, ${connections} sockets sign for ${seconds} s\n`,
  );
  line('nobody listens', alone);
  line(`${heard.open} listen`, together);
  console.log(`
opened in ${opened.toFixed(1)} s; ${heard.events} events, ${heard.fewest} to ${heard.most} for each listener
from the newest signature in an event until it is read: p50 ${ms(heard.event.p50)} ms, p99 ${ms(heard.event.p99)} ms
from a signature until a count that it is in is read:   p50 ${ms(heard.signature.p50)} ms, p99 ${ms(heard.signature.p99)} ms
all ${heard.open} have heard the last count: ${heard.last}`);

  const stopping = performance.now();
  await server.stop();
  running.splice(running.indexOf(server), 1);
  console.log(`the server ended within ${ms(performance.now() - stopping)} ms, with all of them listening`);
  await crowd.ask({ what: 'close' });
}

/** A petition that counts at once: with a mail in between, signing would not move it. */
async function publish(server: Contender): Promise<string> {
  const base = `http://127.0.0.1:${server.port}`;
  const { data } = (await (await fetch(`${base}/v1/petitions`)).json()) as {
    data: { organization: { slug: string } }[];
  };
  const slug = data[0]?.organization.slug ?? '';
  const made = execFileSync(
    process.execPath,
    [join(root, 'dist/src/cli/main.js'), 'keys', 'create', '--organization', slug],
    {
      cwd: folder,
      env: {
        PATH: process.env['PATH'] ?? '',
        DATABASE_URL: `file:${server.file}`,
        ROOT_KEY: Buffer.alloc(32, 1).toString('base64'),
      },
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const headers = {
    authorization: `Bearer ${/sk_\w+/.exec(String(made))?.[0]}`,
    'content-type': 'application/json',
  };
  const post = async (path: string, body: object) => {
    const response = await fetch(base + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as { id: string };
  };
  const { id } = await post('/v1/petitions', {
    title: 'Count me live',
    statement: 'Let all see it.',
    confirmation: 'none',
  });
  await post(`/v1/petitions/${id}/transitions`, { to: 'published' });
  return `/v1/petitions/${id}`;
}

async function loopOf({ port }: Contender): Promise<{ p99: number; max: number }> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const read = (name: string) =>
    Number(new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)$`, 'm').exec(text)?.[1]) * 1000 -
    TIMER_MS;
  return { p99: read('p99'), max: read('max') };
}
