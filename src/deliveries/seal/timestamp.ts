import { randomBytes } from 'node:crypto';
import { fetchBounded } from './bounded-fetch.js';
import { der, derAt, derInteger, derOid, derValues, TAG, type DerValue } from './der.js';

/* Time stamps of RFC 3161: a request for the SHA-256 of a file, and what an answer says. */

const SHA_256 = derOid('2.16.840.1.101.3.4.2.1');
const SIGNED_DATA = derOid('1.2.840.113549.1.7.2');
const TST_INFO = derOid('1.2.840.113549.1.9.16.1.4');
const CONTENT_TYPE = { query: 'application/timestamp-query', reply: 'application/timestamp-reply' };

/** Larger answers are not read: real ones have some thousand bytes. */
const MOST_BYTES = 262_144;
const TIMEOUT_MS = 15_000;
const NONCE_BYTES = 12;

export type Stamp = {
  /** The SHA-256 that was stamped, in hexadecimal digits. */
  imprint: string;
  /** When, in ISO 8601. */
  at: string;
  nonce: string | null;
};

/** A question that asks for the certificate of the authority, too: without it the stamp could not be verified later. */
export function timestampRequest(sha256: Uint8Array, nonce: Uint8Array): Buffer {
  const algorithm = der(TAG.sequence, SHA_256, der(0x05));
  return der(
    TAG.sequence,
    derInteger(Buffer.from([1])),
    der(TAG.sequence, algorithm, der(TAG.octets, sha256)),
    derInteger(nonce),
    der(TAG.boolean, Buffer.from([255])),
  );
}

/**
 * What an answer says. Who has signed it is not looked at: that needs the certificate of an authority that the reader
 * trusts (`openssl ts -verify`). Throws if it grants nothing, or is no answer.
 */
export function readTimestamp(answer: Buffer): Stamp {
  const [response, ...more] = derValues(answer);
  if (response?.tag !== TAG.sequence || more.length > 0) throw new Error('the answer is no time stamp');
  const parts = derValues(response.body);
  const status = derAt(derValues(derAt(parts, 0, TAG.sequence).body), 0, TAG.integer).body;
  // 0: granted, 1: granted with changes.
  if (status.length !== 1 || (status[0] ?? 2) > 1) throw new Error('the time stamp was not granted');
  const content = derValues(derAt(parts, 1, TAG.sequence).body);
  expect(content, SIGNED_DATA);
  const signed = derAt(derValues(derAt(content, 1, TAG.tagged).body), 0, TAG.sequence);
  const encapsulated = derValues(derAt(derValues(signed.body), 2, TAG.sequence).body);
  expect(encapsulated, TST_INFO);
  const octets = derAt(derValues(derAt(encapsulated, 1, TAG.tagged).body), 0, TAG.octets);
  return stampIn(derValues(derAt(derValues(octets.body), 0, TAG.sequence).body));
}

function stampIn(info: readonly DerValue[]): Stamp {
  const imprint = derValues(derAt(info, 2, TAG.sequence).body);
  expect(derValues(derAt(imprint, 0, TAG.sequence).body), SHA_256);
  const nonce = info.slice(5).find(({ tag }) => tag === TAG.integer);
  return {
    imprint: derAt(imprint, 1, TAG.octets).body.toString('hex'),
    at: instantOf(derAt(info, 4, TAG.time).body.toString('latin1')),
    nonce: nonce ? nonce.body.toString('hex') : null,
  };
}

function expect(values: readonly DerValue[], oid: Buffer): void {
  if (!derAt(values, 0, TAG.oid).whole.equals(oid)) throw new Error('the answer is no time stamp of SHA-256');
}

function instantOf(time: string): string {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{1,9})?Z$/.exec(time);
  if (!match) throw new Error('the answer has no time');
  const [, year, month, day, hour, minute, second, fraction = ''] = match;
  const at = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${fraction.slice(0, 4)}Z`);
  if (Number.isNaN(at.getTime())) throw new Error('the answer has no time');
  return at.toISOString();
}

/**
 * Has a time stamped for the SHA-256 of a file, and returns the answer as it came (a TimeStampResp). Throws whatever is
 * wrong: the server is down, slow, says too much, refuses, or stamps something else.
 */
export async function requestTimestamp(
  url: string,
  sha256: Uint8Array,
  { signal, timeoutMs = TIMEOUT_MS }: { signal?: AbortSignal | undefined; timeoutMs?: number } = {},
): Promise<Buffer> {
  const nonce = randomBytes(NONCE_BYTES);
  const request = {
    method: 'POST',
    headers: { 'content-type': CONTENT_TYPE.query, accept: CONTENT_TYPE.reply },
    body: new Uint8Array(timestampRequest(sha256, nonce)),
  };
  const bounds = { types: [CONTENT_TYPE.reply], mostBytes: MOST_BYTES, timeoutMs, signal };
  const answer = await fetchBounded(url, request, bounds);
  const stamp = readTimestamp(answer);
  if (stamp.imprint !== Buffer.from(sha256).toString('hex')) throw new Error('something else was stamped');
  if (stamp.nonce !== derValues(derInteger(nonce))[0]?.body.toString('hex')) {
    throw new Error('the time stamp was made for another request');
  }
  return answer;
}
