/**
 * An open-loop load generator: requests are sent at a fixed rate, whether or not earlier ones were answered. Its
 * sockets are bounded; requests without a free socket count as `turnedAway`, since in reality they would queue in front
 * of the server.
 */
import { performance } from 'node:perf_hooks';
import { bodyOf, openClient, signHead, type Answer } from './client.js';
import { percentiles } from './percentiles.js';

export type FloodOrder = {
  port: number;
  path: string;
  /** Requests a second, for as many seconds, on at most as many sockets. */
  rate: number;
  seconds: number;
  sockets: number;
  /** The number of the first signer, so that no address comes twice. */
  first: number;
};

export type FloodReport = {
  offered: number;
  turnedAway: number;
  statuses: Record<string, number>;
  /** Milliseconds until the answer: of those that were accepted, and of those that were refused. */
  accepted: { p50: number; p99: number };
  refused: { p50: number; p99: number };
  withoutRetryAfter: number;
  /** Accepted while the flood lasted. */
  inTime: number;
};

const TICK_MS = 2;
const LAST_ANSWERS_MS = 10_000;

function run({ port, path, rate, seconds, sockets, first }: FloodOrder): Promise<FloodReport> {
  const head = signHead(path);
  const statuses: Record<string, number> = {};
  const count = (status: string | number) => void (statuses[status] = (statuses[status] ?? 0) + 1);
  const times = { accepted: [] as number[], refused: [] as number[] };
  let [offered, turnedAway, withoutRetryAfter, inTime, busy, n] = [0, 0, 0, 0, 0, first];
  let begun = 0;
  const free: (() => void)[] = [];

  function client(ready: () => void) {
    let sentAt = 0;
    let waiting = false;
    const ask = () => {
      waiting = true;
      busy += 1;
      sentAt = performance.now();
      socket.write(head + bodyOf(n++), 'latin1');
    };
    const heard = ({ status, head }: Answer) => {
      waiting = false;
      busy -= 1;
      count(status);
      (status < 300 ? times.accepted : times.refused).push(performance.now() - sentAt);
      if (status < 300 && performance.now() - begun < seconds * 1000) inTime += 1;
      if (status === 503 && !/\r\nretry-after: \d/i.test(head)) withoutRetryAfter += 1;
      free.push(ask);
    };
    const lost = () => {
      if (waiting) busy -= 1;
      waiting = false;
      count('lost');
      const at = free.indexOf(ask);
      if (at >= 0) free.splice(at, 1);
    };
    const socket = openClient(port, heard);
    socket.once('connect', () => free.push(ask));
    socket.once('connect', ready);
    socket.on('error', () => {
      if (socket.connecting) ready();
    });
    socket.once('close', lost);
    return socket;
  }

  return new Promise((resolve) => {
    const all: ReturnType<typeof client>[] = [];
    const report = () => {
      for (const socket of all) socket.removeAllListeners('close').destroy();
      if (busy > 0) statuses['no answer'] = busy;
      resolve({
        offered,
        turnedAway,
        statuses,
        withoutRetryAfter,
        inTime,
        accepted: percentiles(times.accepted),
        refused: percentiles(times.refused),
      });
    };
    const start = () => {
      begun = performance.now();
      const timer = setInterval(() => {
        const passed = (performance.now() - begun) / 1000;
        const due = Math.floor(Math.min(passed, seconds) * rate);
        while (offered < due) {
          offered += 1;
          const ask = free.shift();
          if (ask) ask();
          else turnedAway += 1;
        }
        const over = passed >= seconds;
        if (over && (busy === 0 || passed * 1000 > seconds * 1000 + LAST_ANSWERS_MS)) {
          clearInterval(timer);
          report();
        }
      }, TICK_MS);
    };
    let left = sockets;
    // A few hundred at a time, so as not to overflow the server's connection backlog.
    const more = () => {
      for (let i = 0; i < 200 && all.length < sockets; i += 1) {
        all.push(
          client(() => {
            left -= 1;
            if (left === 0) start();
          }),
        );
      }
      if (all.length < sockets) setTimeout(more, 20);
    };
    more();
  });
}

process.on('message', (order: FloodOrder) => void run(order).then((report) => process.send?.(report)));
process.send?.('ready');
