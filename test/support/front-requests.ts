import fc from 'fast-check';
import type { RawAnswer } from './raw-client.js';

/* Requests of readers, usual and unusual ones, and how answers to the same one are compared. */

export const BROWSER =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36';

/** What readers ask about: URLs, those that are read most first; an ETag, and a key. */
export type Readers = { urls: string[]; etag: string; key: string };

const HOT = 5;

export type Asked = { method: string; url: string; version: string; headers: (readonly [string, string])[] };

const one = (name: string, ...values: string[]) =>
  fc.constantFrom(...values).map((value) => [name, value] as const);

export const requests = ({ urls, etag, key }: Readers): fc.Arbitrary<Asked> =>
  fc.record({
    method: fc.oneof(
      { weight: 12, arbitrary: fc.constant('GET') },
      fc.constantFrom('HEAD', 'OPTIONS', 'DELETE'),
    ),
    // Half of them are those that are read most.
    url: fc.oneof(fc.constantFrom(...urls.slice(0, HOT)), fc.constantFrom(...urls.slice(HOT))),
    version: fc.oneof({ weight: 12, arbitrary: fc.constant('1.1') }, fc.constant('1.0')),
    headers: fc.array(
      fc.oneof(
        { weight: 12, arbitrary: one('accept-encoding', 'gzip', 'br', 'gzip;q=0', '', 'deflate, gzip', '*') },
        { weight: 12, arbitrary: one('User-Agent', BROWSER, 'curl/8', 'Twitterbot/1.0', 'WhatsApp/2', '') },
        { weight: 8, arbitrary: one('If-None-Match', '*', etag, `W/${etag}`, `"x", ${etag}`, '"x"') },
        {
          weight: 8,
          arbitrary: one('Accept-Language', 'de', 'ar, de;q=0.5', 'en-GB,en;q=0.9', '*', 'xx', 'de;q=0'),
        },
        { weight: 8, arbitrary: one('Accept', '*/*', 'text/html', 'application/json') },
        one('Origin', 'https://partner.example'),
        one('Authorization', `Bearer ${key}`, 'Bearer nonsense', ''),
        one('X-Request-Id', 'trace-12345678', 'no'),
        one('Connection', 'keep-alive', 'Keep-Alive', 'close', 'upgrade', 'keep-alive, x'),
        one('Host', 'other.example'),
        one('Sec-Purpose', 'prefetch'),
        one('Content-Length', '0'),
        one('X-Forwarded-For', '203.0.113.9', '203.0.113.9, 10.0.0.1', 'nonsense', '2001:db8::1'),
        one('X-Forwarded-Host', 'evil.example'),
        one('Range', 'bytes=0-3'),
        one('If-Modified-Since', 'Sat, 28 Nov 2026 00:00:00 GMT'),
        one('If-Match', '*'),
        one('Cookie', 'a=b'),
        one('Content-Type', 'text/plain'),
        one('Upgrade', 'websocket'),
        one('Expect', '100-continue'),
      ),
      { maxLength: 4 },
    ),
  });

export const bytesOf = ({ method, url, version, headers }: Asked): string =>
  `${method} ${url} HTTP/${version}\r\nhost: undersigned.test\r\n${headers.map((pair) => pair.join(': ') + '\r\n').join('')}\r\n`;

/** What two answers to the same request must have in common: all but the time, the id and the number of the request. */
export function comparable({ status, headers, body }: RawAnswer) {
  const kept = headers
    .filter(([name]) => name !== 'date')
    .map(([name, value]) => {
      // Problems hold the id of the request, which may have a digit more.
      if (name === 'content-length' && status >= 400) return name;
      if (name === 'x-request-id') return `${name}: ${value.replace(/^[0-9a-f-]{36}-\d+$/, 'made')}`;
      return name === 'ratelimit'
        ? `${name}: ${value.replace(/r=\d+;t=\d+$/, 'r=n;t=n')}`
        : `${name}: ${value}`;
    });
  return { status, headers: kept.sort(), body: body.replace(/"request_id":"[^"]+"/, '"request_id":"id"') };
}
