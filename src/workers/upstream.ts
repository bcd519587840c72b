import {
  Agent,
  request as ask,
  type AgentOptions,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { FROM, KEEP } from '../http/front/behind-workers.js';

/** Headers of a request that are about its connection, and those that clients must not send. */
const NOT_PASSED = new Set(['connection', 'expect', 'keep-alive', FROM]);
const NOT_ANSWERED = new Set(['keep-alive', KEEP]);
/** Shorter than the server keeps an idle connection: it must not close one that is being used again. */
const IDLE_MS = 30_000;
/** How long, and how often, connecting is tried while the server has too many connections waiting. */
const CONNECT_MS = 5000;
const AGAIN_MS = 10;

/** Connections to the server. */
class Connections extends Agent {
  constructor(private readonly path: string) {
    // Without a name for TLS, which Node would make of the Host, and fail where there are two.
    super({ keepAlive: true, timeout: IDLE_MS, servername: '' } as AgentOptions);
  }

  override createConnection(
    _options: object,
    done?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const until = performance.now() + CONNECT_MS;
    const attempt = () => {
      const socket: Socket = connect({ path: this.path });
      const fail = (error: NodeJS.ErrnoException) => {
        if (error.code === 'EAGAIN' && performance.now() < until) setTimeout(attempt, AGAIN_MS);
        else done?.(error, socket);
      };
      socket.once('error', fail).once('connect', () => {
        socket.off('error', fail);
        done?.(null, socket);
      });
    };
    attempt();
  }
}

/** Gets the answer before it is passed on. Returns a function that gets its body, if that is wanted. */
export type Watch = (answer: IncomingMessage) => ((body: Buffer) => void) | undefined;

export type Passing = {
  peer: string;
  /** Nothing was sent to the server. */
  unreachable: () => void;
  watch?: Watch;
  /** The answer is there, or will not come. */
  over?: () => void;
};

/** Passes requests to the server as they came, and its answers back. */
export class Upstream {
  readonly #agent: Connections;

  constructor(path: string) {
    this.#agent = new Connections(path);
  }

  pass(request: IncomingMessage, response: ServerResponse, passing: Passing): void {
    const { method = '', url = '' } = request;
    const headers = headersOf(request, passing.peer);
    const outgoing = ask({ agent: this.#agent, method, setHost: false, headers });
    // Node's server takes URLs that its client refuses.
    outgoing.path = url;
    // Otherwise Node announces a body where there is none.
    outgoing.useChunkedEncodingByDefault = false;
    let answered = false;
    outgoing.once('response', (answer: IncomingMessage) => {
      answered = true;
      answerWith(answer, request, response, passing);
    });
    outgoing.on('error', () => {
      if (answered) return;
      passing.over?.();
      if (response.destroyed || response.headersSent) return;
      // Whether the server has done it is not known: to the client that is a lost connection, as it would be without us.
      if (wasSent(outgoing)) response.destroy();
      else passing.unreachable();
    });
    response.once('close', () => {
      if (!response.writableFinished) outgoing.destroy();
    });
    if (hasBody(request)) request.pipe(outgoing);
    else outgoing.end();
  }
}

const wasSent = ({ socket }: ClientRequest): boolean => (socket?.bytesWritten ?? 0) > 0;

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

function headersOf({ rawHeaders }: IncomingMessage, peer: string): Record<string, string[]> {
  // The first, where the server looks for it.
  const headers: Record<string, string[]> = { [FROM]: [peer] };
  const names = new Map<string, string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const lower = name.toLowerCase();
    if (NOT_PASSED.has(lower)) continue;
    const first = names.get(lower);
    if (first === undefined) {
      names.set(lower, name);
      headers[name] = [rawHeaders[i + 1] as string];
    } else headers[first]?.push(rawHeaders[i + 1] as string);
  }
  return headers;
}

function answerWith(
  answer: IncomingMessage,
  request: IncomingMessage,
  response: ServerResponse,
  { watch, over }: Passing,
): void {
  const { statusCode = 0, statusMessage = '', rawHeaders } = answer;
  const heard = watch?.(answer);
  const headers: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name, value] = [rawHeaders[i] as string, rawHeaders[i + 1] as string];
    const lower = name.toLowerCase();
    if (NOT_ANSWERED.has(lower) || (lower === 'connection' && value !== 'close')) continue;
    // HTTP/1.0 has no chunks: there the end of the connection is that of the body.
    if (lower === 'transfer-encoding' && request.httpVersionMinor === 0) continue;
    headers.push(name, value);
  }
  response.writeHead(statusCode, statusMessage, headers);
  // A stream may say nothing for a while.
  if (answer.headers['content-length'] === undefined) response.flushHeaders();
  const parts: Buffer[] = [];
  if (heard) answer.on('data', (part: Buffer) => parts.push(part));
  answer.once('close', () => {
    // What is still to come of the body is not wanted.
    request.unpipe();
    request.resume();
    if (!answer.complete) response.destroy();
    else heard?.(Buffer.concat(parts));
    over?.();
  });
  answer.pipe(response);
}
