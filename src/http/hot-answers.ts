import { gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from '../core/context.js';
import type { Store } from '../store/store.js';
import { isFresh, takesGzip } from './conditional.js';

/** `until`: when the clock makes the answer stale; null for never. `link`: the value of its `Link` header. */
export type Rendered = { body: string; etag: string; until: Date | null; link?: string | undefined };

/** A cacheable answer. `ref` is its key in the cache. */
export type HotAnswer = {
  ref: string;
  /** Caching headers: names and values, alternating. */
  caching: readonly string[];
  render: () => Promise<Rendered>;
};
type Kept = {
  generation: number | undefined;
  until: number;
  etag: string;
  link: string | undefined;
  body: Buffer;
  zipped?: Buffer;
};

/** Answers kept at a time: more than the number of petitions that are busy at once. */
const MOST = 500;
/** Bytes below which gzip makes an answer longer. */
const SMALL = 256;

/** The rendering in progress, and the one that begins when it is done. */
type Rendering = { generation: number | undefined; now: Promise<Kept>; next?: Promise<Kept> };

/**
 * A cache of answers that are rendered once and sent until the database changes. A kept answer is used only while the
 * store's generation is the one it was rendered under, and `until` has not passed: so it is never older than the last
 * commit of any process. Where the store has no generation, nothing is kept. A request that arrives during a rendering
 * then waits for the next one, since the current one may have read the data before a change; all waiting requests share
 * it.
 */
export class HotAnswers {
  readonly #kept = new Map<string, Kept>();
  readonly #rendering = new Map<string, Rendering>();

  constructor(private readonly ctx: Pick<Context, 'now'> & { store: Pick<Store, 'generation'> }) {}

  /** Sends the answer: synchronously where it is kept, otherwise after rendering it. */
  send(request: FastifyRequest, reply: FastifyReply, answer: HotAnswer): void | Promise<void> {
    const generation = this.ctx.store.generation();
    const known = this.#current(answer.ref, generation);
    if (known) return deliver(request, reply, known, answer.caching);
    return this.#share(answer, generation).then((fresh) => deliver(request, reply, fresh, answer.caching));
  }

  /** The kept answer, or undefined when it may be out of date. */
  #current(ref: string, generation: number | undefined): Kept | undefined {
    const known = this.#kept.get(ref);
    const same = known !== undefined && generation !== undefined && known.generation === generation;
    return same && this.ctx.now().getTime() < known.until ? known : undefined;
  }

  #share(answer: HotAnswer, generation: number | undefined): Promise<Kept> {
    const known = this.#rendering.get(answer.ref);
    if (!known) return this.#begin(answer, generation);
    if (generation !== undefined && known.generation === generation) return known.now;
    const again = () => this.#begin(answer, this.ctx.store.generation());
    return (known.next ??= known.now.then(again, again));
  }

  #begin(answer: HotAnswer, generation: number | undefined): Promise<Kept> {
    const mine: Rendering = { generation, now: this.#render(answer, generation) };
    this.#rendering.set(answer.ref, mine);
    const done = () => {
      if (!mine.next) this.#rendering.delete(answer.ref);
    };
    void mine.now.then(done, done);
    return mine.now;
  }

  async #render({ ref, render }: HotAnswer, generation: number | undefined): Promise<Kept> {
    const known = this.#kept.get(ref);
    const { body, etag, until: expiry, link } = await render();
    const until = expiry?.getTime() ?? Infinity;
    const fresh: Kept =
      known?.etag === etag
        ? { ...known, generation, until }
        : { generation, until, etag, link, body: Buffer.from(body) };
    if (this.#kept.size >= MOST && !this.#kept.has(ref)) this.#kept.clear();
    this.#kept.set(ref, fresh);
    return fresh;
  }
}

function deliver(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: Kept,
  caching: readonly string[],
): void {
  // `vary: authorization`: callers with a key may see more, and must not get the public answer from a cache.
  const headers = ['etag', answer.etag, ...caching, 'vary', 'accept-encoding, authorization'];
  if (isFresh(request, answer.etag)) return reply.sendNow(304, headers, '');
  headers.push('content-type', 'application/json; charset=utf-8');
  if (answer.link !== undefined) headers.push('link', answer.link);
  if (!takesGzip(request) || answer.body.length < SMALL) {
    return reply.sendNow(200, headers, answer.body);
  }
  answer.zipped ??= gzipSync(answer.body);
  return reply.sendNow(200, [...headers, 'content-encoding', 'gzip'], answer.zipped);
}
