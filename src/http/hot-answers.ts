import { gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from '../core/context.js';
import type { Store } from '../store/store.js';
import { isFresh, takesGzip } from './conditional.js';

/** `link`: a `Link` header of the answer. */
export type Rendered = { body: string; etag: string; until: Date | null; link?: string | undefined };

/** An answer that may be kept: `ref` names it among all of its kind. */
export type HotAnswer = {
  ref: string;
  /** Headers that tell caches what they may do, names and values in turn. */
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

/** More different petitions than are hot at one time. */
const MOST = 500;
/** Bytes below which gzip makes an answer longer. */
const SMALL = 256;

/** Who renders an answer, and who will when that is done. */
type Rendering = { generation: number | undefined; now: Promise<Kept>; next?: Promise<Kept> };

/**
 * Answers that are rendered once and sent until the database changes. A kept answer is used only while the store's
 * generation is the one it was rendered under, and its clock has not turned: so it is never older than the last commit,
 * whoever made it. Where the store has no generation nothing is kept: who comes while an answer is rendered waits for the
 * next one, since that one may have read already what has changed since, and all who wait share it.
 */
export class HotAnswers {
  readonly #kept = new Map<string, Kept>();
  readonly #rendering = new Map<string, Rendering>();

  constructor(private readonly ctx: Pick<Context, 'now'> & { store: Pick<Store, 'generation'> }) {}

  /** Sends at once where the answer is kept, and later where it has to be rendered. */
  send(request: FastifyRequest, reply: FastifyReply, answer: HotAnswer): void | Promise<void> {
    const generation = this.ctx.store.generation();
    const known = this.#current(answer.ref, generation);
    if (known) return deliver(request, reply, known, answer.caching);
    return this.#share(answer, generation).then((fresh) => deliver(request, reply, fresh, answer.caching));
  }

  /** The kept answer, or undefined when it may not be the last word any more. */
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
    const { body, etag, until: turn, link } = await render();
    const until = turn?.getTime() ?? Infinity;
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
  // A key may see more: what is kept for everybody must not be given to it.
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
