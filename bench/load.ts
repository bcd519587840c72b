/** The load generator: a worker with a given number of clients, each with one request at a time. */
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { bodyOf, openClient, signHead } from './client.js';
import { startMeter } from './meter.js';
import { percentiles } from './percentiles.js';
import type { Order, Report } from './types.js';

/** The headers of a browser that the server reads when it follows a link. */
const BROWSER =
  'user-agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\naccept: text/html,application/xhtml+xml,*/*;q=0.8\r\nsec-fetch-dest: document\r\n';

function requests({ kind, path, first }: Order): () => string {
  if (kind !== 'sign') {
    const browser = kind === 'redirect' ? BROWSER : '';
    const text = `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${browser}\r\n`;
    return () => text;
  }
  const head = signHead(path);
  let n = first;
  return () => head + bodyOf(n++);
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
      const socket: Socket = openClient(port, ({ status }) => {
        count(status);
        if (measuring) times.push(performance.now() - sentAt);
        if (order.timeline) at.push(performance.timeOrigin + performance.now());
        send();
      });
      socket.once('connect', send);
      socket.once('error', () => finish(true));
      socket.once('close', () => finish(true));
    }

    function report() {
      resolve({
        answers: times.length,
        elapsed,
        ...percentiles(times),
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
        // If all sockets are already closed, `finish` is not called again.
        if (open === 0) report();
      },
      (warmup + seconds) * 1000,
    );
  });
}

process.on('message', (order: Order) => void run(order).then((report) => process.send?.(report)));
process.send?.('ready');
