/**
 * A client that is cheaper than the cheapest server it measures: a keep-alive socket, one request at a time, and no
 * HTTP library. It understands exactly what those servers send.
 */
import { connect, type Socket } from 'node:net';
import { emailOf } from './email.js';

/** The body that signer n sends: always of the same length. */
export const bodyOf = (n: number) =>
  `{"name":"Ada Okonkwo","email":"${emailOf(n)}","country":"NL","display":"initials"}`;

/** The head of a request that signs, up to its body. */
export const signHead = (path: string) =>
  `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${bodyOf(0).length}\r\n\r\n`;

export type Answer = { status: number; head: string };

const LENGTH = /\r\ncontent-length: (\d+)/i;
/** All sockets read into the same memory: each takes out what it needs before the next one is served. */
const shared = Buffer.allocUnsafe(262_144);

/** The answer at the start of `data`, if all of it is there. */
function answerIn(data: Buffer): (Answer & { length: number }) | undefined {
  const end = data.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = data.toString('latin1', 0, end);
  const body = LENGTH.exec(head)?.[1];
  const status = Number(head.slice(9, 12));
  if (body === undefined && status !== 204 && status !== 304) {
    throw new Error(`no content-length in:\n${head}`);
  }
  const length = end + 4 + Number(body ?? 0);
  return data.length < length ? undefined : { status, head, length };
}

export function openClient(port: number, heard: (answer: Answer) => void): Socket {
  let held: Buffer | undefined;
  return connect({
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
        heard(answer);
        return true;
      },
    },
  });
}
