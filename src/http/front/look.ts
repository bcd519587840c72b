import type { IncomingMessage } from 'node:http';

/** What the front reads of a request. */
export type Look = {
  request: IncomingMessage;
  /** The values of Accept-Encoding and If-None-Match. */
  encodings: string | undefined;
  tags: string | undefined;
};

/** Headers that change how a request is answered, or may. With one of them it is no matter for the front. */
const UNUSUAL = new Set([
  'authorization',
  'connection',
  'content-length',
  'expect',
  'if-match',
  'if-modified-since',
  'if-range',
  'if-unmodified-since',
  'range',
  'transfer-encoding',
  'upgrade',
]);

/** Undefined: the request is unusual. */
export function lookAt(request: IncomingMessage): Look | undefined {
  if (request.httpVersionMinor !== 1 || request.httpVersionMajor !== 1) return undefined;
  const { rawHeaders } = request;
  const look: Look = { request, encodings: undefined, tags: undefined };
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const value = rawHeaders[i + 1] as string;
    if (name === 'host') hosts += 1;
    else if (name === 'accept-encoding') {
      if (look.encodings !== undefined) return undefined;
      look.encodings = value;
    } else if (name === 'if-none-match') {
      if (look.tags !== undefined) return undefined;
      look.tags = value;
    } else if (UNUSUAL.has(name) && !(name === 'connection' && value.toLowerCase() === 'keep-alive')) {
      return undefined;
    }
  }
  return hosts === 1 ? look : undefined;
}
