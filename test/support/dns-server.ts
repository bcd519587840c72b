import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Resolver } from 'node:dns/promises';
import type { Test } from 'tap';

/** What the zone holds, by name: texts, and names of mail exchangers. `fails`: the server is broken there. */
export type Zone = Record<string, { txt?: string[]; mx?: string[]; fails?: boolean }>;

const TYPES = { mx: 15, txt: 16 };
const SERVER_FAILURE = 2;
const NO_SUCH_NAME = 3;
const LONGEST_TEXT = 255;

/** Length and bytes of each part. */
const parts = (texts: string[]): Buffer =>
  Buffer.concat(texts.flatMap((text) => [Buffer.from([text.length]), Buffer.from(text, 'latin1')]));

const wireName = (name: string): Buffer =>
  Buffer.concat([parts(name.split('.').filter(Boolean)), Buffer.from([0])]);

const textData = (text: string): Buffer =>
  parts(text.match(new RegExp(`[^]{1,${LONGEST_TEXT}}`, 'g')) ?? ['']);

const exchangeData = (name: string): Buffer => Buffer.concat([Buffer.from([0, 10]), wireName(name)]);

function record(type: number, data: Buffer): Buffer {
  // The name is that of the question, at byte 12.
  const head = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, 0]);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function answer(query: Buffer, zone: Zone): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = query.readUInt16BE(at + 1);
  const question = query.subarray(12, at + 5);
  const found = zone[labels.join('.').toLowerCase()];
  const { txt = [], mx = [], fails = false } = found ?? {};
  const records =
    type === TYPES.txt
      ? txt.map((text) => record(type, textData(text)))
      : type === TYPES.mx
        ? mx.map((name) => record(type, exchangeData(name)))
        : [];
  const code = fails ? SERVER_FAILURE : found ? 0 : NO_SUCH_NAME;
  const head = Buffer.from([
    query[0] ?? 0,
    query[1] ?? 0,
    0x81,
    0x80 | code,
    0,
    1,
    0,
    records.length,
    0,
    0,
    0,
    0,
  ]);
  return Buffer.concat([head, question, ...records]);
}

/** A real name server for this zone, and a resolver that asks it alone. */
export async function startDnsServer(t: Test, zone: Zone): Promise<Resolver> {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => socket.send(answer(query, zone), port, address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return resolver;
}
