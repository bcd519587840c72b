import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { isData, type ConstantHeaders } from '../headers.js';

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Sends a finished answer, bypassing Fastify's onSend hooks and serializer, which cost more than the rest of a hot
     * request. `headers`: names and values, alternating.
     */
    sendNow(status: number, headers: readonly string[], body: string | Buffer): void;
    /** Sends an answer that is the same for all requests. */
    sendFinished(finished: Finished): void;
    /** Like sendNow, for a streamed body: write it to the response that is returned. */
    startNow(status: number, headers: readonly string[]): ServerResponse;
  }
}

/**
 * An answer that can be sent as it is to any number of requests. `headers`: all of them but those of the connection,
 * names and values alternating. `body`: a string only if it is ASCII.
 */
export type Finished = { status: number; headers: readonly string[]; body: string | Buffer };

const ASCII = /^[\0-\x7f]*$/;

/** Completes the headers of an answer that is the same for all requests. */
export function finished(
  constant: ConstantHeaders,
  status: number,
  headers: readonly string[],
  body: string | Buffer,
): Finished {
  const all = listOf(isData(typeIn(headers)) ? constant.data : constant.documents).concat(headers);
  if (status !== 304) all.push('content-length', String(Buffer.byteLength(body)));
  return {
    status,
    headers: all,
    body: typeof body === 'string' && !ASCII.test(body) ? Buffer.from(body) : body,
  };
}

type Answer = {
  response: ServerResponse;
  body: string | Buffer;
  encoding: 'utf8' | 'latin1';
  sent?: (() => void) | undefined;
};

/**
 * Sends the answers of one event loop iteration together at its end. Each write wakes the client's process; waking it
 * once for several answers costs a third of waking it for each.
 */
export class Leaving {
  #ready: Answer[] = [];
  readonly #leave = () => {
    const ready = this.#ready;
    this.#ready = [];
    for (const { response, body, encoding, sent } of ready) {
      response.end(body, encoding);
      sent?.();
    }
  };

  /** `sent` is called once it is. */
  end(response: ServerResponse, body: string | Buffer, sent?: () => void): void {
    const encoding = typeof body === 'string' && ASCII.test(body) ? 'latin1' : 'utf8';
    this.#push({ response, body, encoding, sent });
  }

  /** As latin1, Node writes headers and body as one text, without encoding it. */
  endFinished(response: ServerResponse, { body }: Finished, sent?: () => void): void {
    this.#push({ response, body, encoding: 'latin1', sent });
  }

  #push(answer: Answer): void {
    if (this.#ready.length === 0) setImmediate(this.#leave);
    this.#ready.push(answer);
  }
}

/**
 * Adds `sendNow`, `sendFinished` and `startNow`. But for finished ones, their answers have the constant headers, the
 * request id and headers set by hooks too.
 */
export function enableSendNow(app: FastifyInstance, constant: ConstantHeaders, leaving: Leaving): void {
  const lists = { data: listOf(constant.data), documents: listOf(constant.documents) };
  const withAll = (reply: FastifyReply, headers: readonly string[]): string[] => {
    const all = (isData(typeIn(headers)) ? lists.data : lists.documents).concat(headers);
    all.push('x-request-id', reply.request.id);
    const set = reply.getHeaders();
    for (const name in set) all.push(name, String(set[name]));
    return all;
  };
  app.decorateReply('sendNow', function (status, headers, body) {
    const all = withAll(this, headers);
    if (status !== 304) all.push('content-length', String(Buffer.byteLength(body)));
    this.hijack();
    this.raw.writeHead(status, all);
    leaving.end(this.raw, body);
  });
  app.decorateReply('sendFinished', function (answer) {
    const closes = this.getHeader('connection');
    const headers = closes === undefined ? answer.headers : [...answer.headers, 'connection', String(closes)];
    this.hijack();
    this.raw.writeHead(answer.status, headers as string[]);
    leaving.endFinished(this.raw, answer);
  });
  app.decorateReply('startNow', function (status, headers) {
    const all = withAll(this, headers);
    this.hijack();
    return this.raw.writeHead(status, all);
  });
}

/** Headers as names and values, alternating. */
export const listOf = (headers: Readonly<Record<string, string>>): string[] => Object.entries(headers).flat();

/** The value of Content-Type in a list of names and values. */
function typeIn(headers: readonly string[]): string | undefined {
  const at = headers.indexOf('content-type');
  return at < 0 ? undefined : headers[at + 1];
}
