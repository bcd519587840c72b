import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { isData, type ConstantHeaders } from '../headers.js';
import { keptBy, type Keep } from './behind-workers.js';
import { ASCII, type Finished, type Leaving } from './leaving.js';

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Sends a finished answer, bypassing Fastify's onSend hooks and serializer, which cost more than the rest of a hot
     * request. `headers`: names and values, alternating.
     */
    sendNow(status: number, headers: readonly string[], body: string | Buffer): void;
    /** Sends an answer that is the same for all requests; `keep`: workers may keep it. */
    sendFinished(finished: Finished, keep?: Keep): void;
    /** Like sendNow, for a streamed body: write it to the response that is returned. */
    startNow(status: number, headers: readonly string[]): ServerResponse;
  }
}

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

export type SendNowOptions = {
  constant: ConstantHeaders;
  leaving: Leaving;
  /** Whether all requests come through workers. */
  behindWorkers: boolean;
};

/**
 * Adds `sendNow`, `sendFinished` and `startNow`. But for finished ones, their answers have the constant headers, the
 * request id and headers set by hooks too.
 */
export function enableSendNow(
  app: FastifyInstance,
  { constant, leaving, behindWorkers }: SendNowOptions,
): void {
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
  app.decorateReply('sendFinished', function (answer, keep) {
    const closes = this.getHeader('connection');
    let { headers } = answer;
    if (closes !== undefined) headers = [...headers, 'connection', String(closes)];
    if (behindWorkers && keep) headers = keptBy(headers, keep);
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
