import type { IncomingMessage } from 'node:http';

/* What the front reads of the headers of a request, in one walk over them. */

/** Headers that change how any request is answered, or may: with one of them, and with those named, it is for Fastify. */
const unusual = (...more: string[]): ReadonlySet<string> =>
  new Set(['authorization', 'connection', 'expect', 'transfer-encoding', 'upgrade', ...more]);

const UNUSUAL_TO_READ = unusual(
  'content-length',
  'if-match',
  'if-modified-since',
  'if-range',
  'if-unmodified-since',
  'range',
);
const UNUSUAL_TO_SIGN = unusual('content-encoding', 'idempotency-key');

/** Whether it is HTTP/1.1 with one Host, has no header of these, and `see` returns true for all others. */
function isUsual(
  { httpVersionMajor, httpVersionMinor, rawHeaders }: IncomingMessage,
  unusual: ReadonlySet<string>,
  see: (name: string, value: string) => boolean,
): boolean {
  if (httpVersionMajor !== 1 || httpVersionMinor !== 1) return false;
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const value = rawHeaders[i + 1] as string;
    if (name === 'host') hosts += 1;
    else if (!unusual.has(name)) {
      if (!see(name, value)) return false;
    } else if (name !== 'connection' || value.toLowerCase() !== 'keep-alive') return false;
  }
  return hosts === 1;
}

export type Look = {
  request: IncomingMessage;
  /** The values of Accept-Encoding and If-None-Match. */
  encodings: string | undefined;
  tags: string | undefined;
  /** The value of Accept-Language. */
  languages: string | undefined;
};

/** Looks at a request that reads. Undefined: it is unusual. */
export function lookAt(request: IncomingMessage): Look | undefined {
  const look: Look = { request, encodings: undefined, tags: undefined, languages: undefined };
  const see = (name: string, value: string): boolean => {
    if (name === 'accept-encoding') {
      if (look.encodings !== undefined) return false;
      look.encodings = value;
    } else if (name === 'if-none-match') {
      if (look.tags !== undefined) return false;
      look.tags = value;
    } else if (name === 'accept-language') {
      if (look.languages !== undefined) return false;
      look.languages = value;
    }
    return true;
  };
  return isUsual(request, UNUSUAL_TO_READ, see) ? look : undefined;
}

const JSON_TYPE = /^application\/json(?:; ?charset=utf-8)?$/i;

/** The length of the JSON that a request brings. Undefined: it is unusual. */
export function lengthOfJson(request: IncomingMessage): number | undefined {
  let [length, lengths, types, origins] = [0, 0, 0, 0];
  const see = (name: string, value: string): boolean => {
    if (name === 'content-type') return (types += 1) === 1 && JSON_TYPE.test(value);
    if (name === 'origin') return (origins += 1) === 1;
    if (name === 'content-length') {
      length = Number(value);
      lengths += 1;
    }
    return true;
  };
  const hasOne = isUsual(request, UNUSUAL_TO_SIGN, see) && lengths === 1 && types === 1;
  return hasOne ? length : undefined;
}
