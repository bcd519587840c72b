import { get as getPlain, type IncomingMessage } from 'node:http';
import { get as getSecure } from 'node:https';
import { isIP } from 'node:net';
import { isPublicAddress, publicLookup } from '../../public-addresses.js';

/* Fetches a campaign's picture from where it lies, which its organization has said: so nothing about it is trusted. */

const MOST_BYTES = 5 * 1024 * 1024;
const MOST_MS = 5000;
const MOST_REDIRECTS = 3;
/** Decoded, a pixel has 4 bytes. */
const MOST_PIXELS = 25_000_000;

/** `loopback`: also takes pictures of this machine, without TLS. For tests. */
export type FetchOptions = { loopback?: boolean };

/** A PNG or a JPEG that can be drawn. Throws where there is none. */
export async function fetchPicture(url: string, options: FetchOptions = {}): Promise<Buffer> {
  const signal = AbortSignal.timeout(MOST_MS);
  let at = new URL(url);
  for (let hop = 0; hop <= MOST_REDIRECTS; hop += 1) {
    const response = await request(at, signal, options);
    const { statusCode = 0, headers } = response;
    if (statusCode === 200) return read(response);
    response.destroy();
    if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) break;
    at = new URL(headers.location, at);
  }
  throw new Error('it is not there');
}

function request(
  url: URL,
  signal: AbortSignal,
  { loopback = false }: FetchOptions,
): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isHere = loopback && host === '127.0.0.1';
  if (url.protocol !== 'https:' && !(isHere && url.protocol === 'http:')) throw new Error('not https');
  // Connections to an address look up no name.
  if (isIP(host) !== 0 && !isHere && !isPublicAddress(host)) throw new Error('the address is not public');
  const get = url.protocol === 'https:' ? getSecure : getPlain;
  const headers = { accept: 'image/png, image/jpeg', 'user-agent': 'undersigned' };
  return new Promise((resolve, reject) => {
    // No agent: a connection that is kept could lead elsewhere than the name does now.
    get(url, { agent: false, signal, headers, lookup: publicLookup }, resolve).on('error', reject);
  });
}

async function read(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    // Leaving the loop closes the connection.
    if (bytes > MOST_BYTES) throw new Error('it is too large');
    parts.push(part);
  }
  const picture = Buffer.concat(parts);
  const size = sizeOfPng(picture) ?? sizeOfJpeg(picture);
  // A small file can be a huge picture.
  if (!size || size.width < 1 || size.height < 1) throw new Error('it is neither PNG nor JPEG');
  if (size.width * size.height > MOST_PIXELS) throw new Error('it has too many pixels');
  return picture;
}

type Size = { width: number; height: number };

function sizeOfPng(file: Buffer): Size | undefined {
  if (file.length < 33 || file.toString('latin1', 0, 8) !== '\x89PNG\r\n\x1a\n') return undefined;
  return { width: file.readUInt32BE(16), height: file.readUInt32BE(20) };
}

/** The size is in the first frame header, behind segments that say their length. */
function sizeOfJpeg(file: Buffer): Size | undefined {
  if (file.length < 4 || file.readUInt16BE(0) !== 0xffd8) return undefined;
  for (let at = 2; at + 9 < file.length;) {
    if (file[at] !== 0xff) return undefined;
    const marker = file[at + 1] ?? 0;
    // DHT, JPG and DAC lie among the frame headers.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { height: file.readUInt16BE(at + 5), width: file.readUInt16BE(at + 7) };
    }
    at += 2 + file.readUInt16BE(at + 2);
  }
  return undefined;
}
