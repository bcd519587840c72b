/** A worker with thousands of listeners to live counts. It uses no HTTP library, to be cheap. */
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { percentiles } from './percentiles.js';

export type ListenOrder =
  | { what: 'open'; port: number; path: string; listeners: number }
  | { what: 'begin' }
  /** `at[n]`: when the signature that made it n + 1 was acknowledged. */
  | { what: 'end'; at: number[] }
  | { what: 'close' };

export type ListenReport = {
  open: number;
  /** Streams that ended without having been closed. */
  lost: number;
  events: number;
  /** The fewest and the most events that one listener got. */
  fewest: number;
  most: number;
  /** The lowest last count of any listener. */
  last: number;
  /** Milliseconds from the newest signature of an event until a listener has read the event. */
  event: { p50: number; p99: number };
  /** Milliseconds from a signature until a listener has read a count that it is in. */
  signature: { p50: number; p99: number };
};

/** Below the server's limit of streams per client. On Linux each address of 127.0.0.0/8 is a client. */
const OF_ONE_ADDRESS = 90;
/** Connections that are being opened at one time. */
const OPENING = 100;
const COUNT = /"confirmed":(\d+)[^]*?\n\n/g;
const NOTHING: ListenReport = {
  open: 0,
  lost: 0,
  events: 0,
  fewest: 0,
  most: 0,
  last: 0,
  event: { p50: NaN, p99: NaN },
  signature: { p50: NaN, p99: NaN },
};

type Listener = { socket: Socket; last: number; heard: { count: number; at: number }[] };

const listeners: Listener[] = [];
let lost = 0;
let closing = false;
/** A read buffer that all sockets share: data must be used before the next socket is read. */
const shared = Buffer.allocUnsafe(65_536);

function listen(port: number, path: string, n: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const listener: Listener = {
      last: -1,
      heard: [],
      socket: connect({
        port,
        host: '127.0.0.1',
        localAddress: `127.0.${1 + Math.floor(n / OF_ONE_ADDRESS / 200)}.${1 + (Math.floor(n / OF_ONE_ADDRESS) % 200)}`,
        onread: {
          buffer: shared,
          callback(bytes) {
            text += shared.toString('latin1', 0, bytes);
            if (!text.endsWith('\n\n')) return true;
            const at = performance.timeOrigin + performance.now();
            for (const [, count] of text.matchAll(COUNT)) {
              listener.last = Number(count);
              listener.heard.push({ count: listener.last, at });
            }
            if (!text.startsWith('HTTP/1.1 200') && listener.last < 0) reject(new Error(text.slice(0, 500)));
            text = '';
            resolve();
            return true;
          },
        },
      }),
    };
    const { socket } = listener;
    socket.once('connect', () => socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`));
    socket.on('error', reject);
    socket.once('close', () => {
      if (!closing) lost += 1;
    });
    listeners.push(listener);
  });
}

async function open(port: number, path: string, wanted: number): Promise<ListenReport> {
  while (listeners.length < wanted) {
    const some = Math.min(OPENING, wanted - listeners.length);
    const first = listeners.length;
    await Promise.all(Array.from({ length: some }, (_, i) => listen(port, path, first + i)));
  }
  return { ...NOTHING, open: listeners.length };
}

function report(at: number[]): ListenReport {
  const events: number[] = [];
  const signatures: number[] = [];
  // Every event of every listener; delays of signatures only for a sample of the listeners.
  const every = Math.max(1, Math.floor(listeners.length / 20));
  for (const [n, { heard }] of listeners.entries()) {
    let before = heard[0]?.count ?? 0;
    for (const event of heard.slice(1)) {
      const newest = at[event.count - 1];
      if (newest !== undefined) events.push(event.at - newest);
      for (let i = before; n % every === 0 && i < event.count; i += 1) {
        signatures.push(event.at - (at[i] ?? NaN));
      }
      before = event.count;
    }
  }
  const numbers = listeners.map(({ heard }) => heard.length);
  return {
    open: listeners.length,
    lost,
    events: numbers.reduce((sum, n) => sum + n, 0),
    fewest: Math.min(...numbers),
    most: Math.max(...numbers),
    last: Math.min(...listeners.map((listener) => listener.last)),
    event: percentiles(events),
    signature: percentiles(signatures),
  };
}

async function obey(order: ListenOrder): Promise<ListenReport> {
  if (order.what === 'open') return open(order.port, order.path, order.listeners);
  if (order.what === 'end') return report(order.at);
  if (order.what === 'begin') {
    // Keeps only the latest count, from which the measurement starts.
    for (const listener of listeners) listener.heard = listener.heard.slice(-1);
    return NOTHING;
  }
  closing = true;
  for (const { socket } of listeners.splice(0)) socket.destroy();
  return NOTHING;
}

process.on('message', (order: ListenOrder) => void obey(order).then((report) => process.send?.(report)));
process.send?.('ready');
