/**
 * The load generator: a process of its own. Keep-alive sockets, one request at a time on each, and no HTTP library:
 * it has to be cheaper than the cheapest server it measures. It understands exactly what those servers send.
 */
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { emailOf } from './email.js';
import { startMeter } from './meter.js';
import type { Order, Report } from './types.js';

const LENGTH = /\r\ncontent-length: (\d+)/i;
/** All sockets read into the same memory: each takes out what it needs before the next one is served. */
const shared = Buffer.allocUnsafe(262_144);

/** What a browser sends that follows a link, as far as it is read. */
const BROWSER =
  'user-agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\naccept: text/html,application/xhtml+xml,*/*;q=0.8\r\nsec-fetch-dest: document\r\n';

const bodyOf = (n: number) =>
  `{"name":"Ada Okonkwo","email":"${emailOf(n)}","country":"NL","display":"initials"}`;

function requests({ kind, path, first }: Order): () => string {
  if (kind !== 'sign') {
    const browser = kind === 'redirect' ? BROWSER : '';
    const text = `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${browser}\r\n`;
    return () => text;
  }
  const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${bodyOf(0).length}\r\n\r\n`;
  let n = first;
  return () => head + bodyOf(n++);
}

/** The status of the answer at the start of `data`, if all of it is there. */
function answerIn(data: Buffer): { status: number; length: number } | undefined {
  const end = data.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = data.toString('latin1', 0, end);
  const body = LENGTH.exec(head)?.[1];
  const status = Number(head.slice(9, 12));
  if (body === undefined && status !== 204 && status !== 304) {
    throw new Error(`no content-length in:\n${head}`);
  }
  const length = end + 4 + Number(body ?? 0);
  return data.length < length ? undefined : { status, length };
}

function run(order: Order): Promise<Report> {
  const { port, pid, connections, seconds, warmup } = order;
  const next = requests(order);
  const statuses: Record<string, number> = {};
  const times: number[] = [];
  const at: number[] = [];
  let sent = 0;
  let open = 0;
  let measuring = false;
  let over = false;
  let started = 0;
  let elapsed = 0;
  let meter: ReturnType<typeof startMeter>;
  let usage: ReturnType<(typeof meter)['stop']>;

  return new Promise((resolve) => {
    const count = (status: string | number) => (statuses[status] = (statuses[status] ?? 0) + 1);

    function client() {
      let sentAt = 0;
      let held: Buffer | undefined;
      let done = false;
      open += 1;
      const send = () => {
        if (over) return finish();
        sent += 1;
        sentAt = performance.now();
        socket.write(next(), 'latin1');
      };
      const finish = (lost = false) => {
        if (done) return;
        done = true;
        socket.destroy();
        if (lost) count('lost');
        open -= 1;
        if (open === 0 && over) report();
      };
      const socket: Socket = connect({
        port,
        host: '127.0.0.1',
        noDelay: true,
        onread: {
          buffer: shared,
          callback(bytes) {
            const fresh = shared.subarray(0, bytes);
            const data = held ? Buffer.concat([held, fresh]) : fresh;
            const answer = answerIn(data);
            if (!answer) {
              held = held ? data : Buffer.from(data);
              return true;
            }
            if (answer.length !== data.length) throw new Error('an answer was longer than it said');
            held = undefined;
            count(answer.status);
            if (measuring) times.push(performance.now() - sentAt);
            if (order.timeline) at.push(performance.timeOrigin + performance.now());
            send();
            return true;
          },
        },
      });
      socket.once('connect', send);
      socket.once('error', () => finish(true));
      socket.once('close', () => finish(true));
    }

    function report() {
      times.sort((a, b) => a - b);
      const after = (share: number) =>
        times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? NaN;
      resolve({
        answers: times.length,
        elapsed,
        p50: after(0.5),
        p99: after(0.99),
        statuses,
        sent,
        at,
        ...usage,
      });
    }

    for (let i = 0; i < connections; i += 1) client();
    setTimeout(() => {
      measuring = true;
      meter = startMeter(pid);
      started = performance.now();
    }, warmup * 1000);
    setTimeout(
      () => {
        measuring = false;
        elapsed = (performance.now() - started) / 1000;
        usage = meter.stop();
        over = true;
        // With nobody left to answer, nobody would report.
        if (open === 0) report();
      },
      (warmup + seconds) * 1000,
    );
  });
}

process.on('message', (order: Order) => void run(order).then((report) => process.send?.(report)));
process.send?.('ready');
