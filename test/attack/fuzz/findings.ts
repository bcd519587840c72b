import { request, type Agent, type IncomingHttpHeaders } from 'node:http';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { breach, operations, problemBreach } from './document.js';
import type { Sent } from './requests.js';
import { MARK } from './values.js';

export type Answer = { status: number; headers: IncomingHttpHeaders; text: string; whole: boolean };
export type Finding = { kind: string; sent: Sent; answer: Answer | undefined; times: number };

/** Sends it as it is. Undefined: the server hung up without an answer. */
export function send(
  url: string,
  agent: Agent,
  { method, target, headers, body }: Sent,
): Promise<Answer | undefined> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    let outgoing;
    try {
      outgoing = request({
        hostname,
        port,
        agent,
        method,
        path: target,
        headers: { ...headers, ...length },
        timeout: 30_000,
      });
    } catch {
      // What Node's own client refuses to send does not come from a client.
      return resolve({ status: 0, headers: {}, text: '', whole: false });
    }
    outgoing.on('response', (response) => {
      const parts: Buffer[] = [];
      const done = (whole: boolean) =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: decoded(Buffer.concat(parts), response.headers['content-encoding'], whole),
          whole,
        });
      response.on('data', (part: Buffer) => {
        parts.push(part);
        // A stream of live counts has no end.
        if (!/event-stream/.test(response.headers['content-type'] ?? '')) return;
        response.destroy();
        done(false);
      });
      response.on('end', () => done(true)).on('error', () => done(false));
    });
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve(undefined));
    outgoing.end(body);
  });
}

const DECODERS: Record<string, (bytes: Buffer) => Buffer> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
};

function decoded(bytes: Buffer, encoding: string | undefined, whole: boolean): string {
  const decode = whole && bytes.length > 0 ? DECODERS[encoding ?? ''] : undefined;
  return (decode ? decode(bytes) : bytes).toString();
}

const MAILED = /\bp[cmex]_[A-Za-z0-9_-]{44}\b/;
const SESSION = /\bps_[A-Za-z0-9_-]{44}\b/;
const KEYS = /\b[sp]k_[0-9A-Za-z]{38}\b/;

/** What is wrong with an answer; undefined: nothing. */
export function judge(
  sent: Sent,
  answer: Answer | undefined,
  secrets: readonly string[],
): string | undefined {
  if (!answer) return 'no answer at all';
  const { status, headers, text, whole } = answer;
  if (status === 0) return undefined;
  if (status >= 500 && status !== 501 && status !== 503) return `status ${status}`;
  return told(sent, status, text, secrets) ?? wrongly(sent, status, headers, text, whole);
}

/** Addresses, tokens and keys that this caller must not see. */
function told(
  { operation, as, fits, method }: Sent,
  status: number,
  text: string,
  secrets: readonly string[],
): string | undefined {
  // Documents have examples of keys and tokens.
  if (/^\/(?:openapi|docs|problems)/.test(operation.path)) return undefined;
  const isGood = fits && status < 300;
  const sees = status < 300 && (as.startsWith('secret') || as.startsWith('session'));
  if (!sees && text.includes(MARK)) return 'an address is told';
  if (as === 'secret that moderates' && text.includes(MARK)) {
    return 'an address is told to a key that may not read';
  }
  if (MAILED.test(text)) return 'a mailed token is told';
  if (SESSION.test(text) && !(isGood && operation.id === 'createSession')) return 'a session is told';
  const tells = isGood && method === 'POST' && operation.id === 'createApiKey';
  return (KEYS.test(text) && !tells) || secrets.some((secret) => text.includes(secret))
    ? 'a key is told'
    : undefined;
}

const OWN = new Set(operations.map(({ path }) => path));

function wrongly(
  { operation, fits, method }: Sent,
  status: number,
  headers: IncomingHttpHeaders,
  text: string,
  whole: boolean,
): string | undefined {
  const type = headers['content-type'] ?? '';
  try {
    if (fits && OWN.has(operation.path)) return breach(operation, status, type, whole ? text : undefined);
    if (method === 'HEAD') return text === '' ? undefined : 'a body after HEAD';
    if (status < 400) return undefined;
    if (!type.startsWith('application/problem+json')) {
      return type.startsWith('text/html') ? undefined : `an error as ${type || 'nothing'}`;
    }
    return problemBreach(JSON.parse(text));
  } catch (error) {
    return `the body is not ${type}: ${String(error).slice(0, 80)}`;
  }
}

/** The same finding with as little of the request as shows it. */
export async function shrink(
  finding: Finding,
  again: (sent: Sent) => Promise<string | undefined>,
): Promise<Sent> {
  let { sent } = finding;
  let tries = 60;
  const attempt = async (smaller: Sent) => {
    if ((tries -= 1) < 0 || (await again(smaller)) !== finding.kind) return false;
    sent = smaller;
    return true;
  };
  for (const name of Object.keys(sent.headers)) {
    const { [name]: _, ...headers } = sent.headers;
    await attempt({ ...sent, headers });
  }
  const [path = '', query] = sent.target.split('?');
  if (query !== undefined && !(await attempt({ ...sent, target: path }))) {
    for (const part of query.split('&')) {
      const rest = (sent.target.split('?')[1] ?? '').split('&').filter((one) => one !== part);
      await attempt({ ...sent, target: `${path}?${rest.join('&')}` });
    }
  }
  try {
    const whole = JSON.parse(sent.body?.toString() ?? '') as Record<string, unknown>;
    for (const name of Object.keys(whole)) {
      const { [name]: _, ...rest } = JSON.parse(sent.body?.toString() ?? '') as Record<string, unknown>;
      await attempt({ ...sent, body: Buffer.from(JSON.stringify(rest)) });
    }
  } catch {
    // No JSON: nothing to take out.
  }
  return sent;
}
