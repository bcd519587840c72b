import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { ValidateFunction } from 'ajv';
import type { Caller } from '../../core/actor.js';
import { ApiError } from '../../errors.js';
import { MAX_BODY } from '../bounds.js';
import { callerFrom, clientOf } from '../caller.js';

import type { FrontParts } from './front-parts.js';
import { lengthOfJson } from './look.js';
import { listOf } from './send-now.js';

/*
 * Signing in front of Fastify: what nearly all people who sign send. The route says how (`open`); limits, admission,
 * parser, validator and problems are those of the routes. Whatever is unusual, or wrong, goes on to Fastify unread.
 */

/** How the route signs for a caller without a key; undefined: the body is another matter. */
export type SignQuickly<Body> = {
  operation: string;
  validate: ValidateFunction<Body>;
  /** Whether a valid body is that of a person who signs. */
  isTyped: (body: Body) => boolean;
  /** The body of the 202. */
  sign: (ref: string, body: Body, caller: Caller) => Promise<string>;
  /** Headers of the 202, names and values alternating. */
  headers: readonly string[];
};

const PATH = /^\/v1\/petitions\/([a-z0-9_-]{1,100})\/signatures$/;

export class SigningFront {
  #route: SignQuickly<object> | undefined;
  readonly #constant: readonly string[];

  constructor(private readonly options: FrontParts) {
    this.#constant = listOf(options.app.constant.data);
  }

  /** Called by the route. */
  open<Body extends object>(route: SignQuickly<Body>): void {
    this.#route = route as unknown as SignQuickly<object>;
  }

  /** Takes a request to sign. `pass` hands it on to Fastify, untouched, when it turns out to be unusual. */
  take(request: IncomingMessage, response: ServerResponse, pass: () => void): boolean {
    const { draining, pauses, admission } = this.options;
    const route = this.#route;
    const ref = route && PATH.exec(request.url ?? '')?.[1];
    if (!route || ref === undefined || draining() || pauses.current) return false;
    const length = lengthOfJson(request) ?? 0;
    if (length === 0 || length > MAX_BODY || !admission.isOpen()) return false;
    request.once('readable', () => {
      const bytes = request.read() as Buffer | null;
      if (bytes?.length === length && this.#sign(route, ref, bytes, request, response)) return;
      if (bytes) request.unshift(bytes);
      pass();
    });
    return true;
  }

  #sign(
    { operation, validate, isTyped, sign, headers }: SignQuickly<object>,
    ref: string,
    bytes: Buffer,
    request: IncomingMessage,
    response: ServerResponse,
  ): boolean {
    const { app, limits, admission, addressOf, requestId, times } = this.options;
    const body = app.parseJson(bytes);
    if (body instanceof ApiError || !validate(body) || !isTyped(body)) return false;
    const address = addressOf(request);
    const petition = limits.petitionOf(ref);
    const limit =
      petition === undefined
        ? undefined
        : limits.countKeyless(address, { limit: 'sign', petition, isShared: false });
    if (!limit) return false;
    const startedAt = performance.now();
    admission.enter(response);
    const id = requestId(request);
    const send = (status: number, own: readonly string[], text: string) => {
      const length = String(Buffer.byteLength(text));
      const all = [...this.#constant, ...own, ...limit, 'x-request-id', id, 'content-length', length];
      response.writeHead(status, all);
      this.options.leaving.end(response, text, () =>
        times.of(operation, status).observe(performance.now() - startedAt),
      );
    };
    const caller = callerFrom(clientOf(address), request.headers.origin ?? null);
    sign(ref, body, caller).then(
      (text) => send(202, headers, text),
      (error: unknown) => {
        const failure = app.failureOf(error, { id, url: request.url ?? '' });
        send(failure.status, listOf(failure.headers), failure.body ?? '');
      },
    );
    return true;
  }
}
