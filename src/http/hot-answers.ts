import { gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from '../core/context.js';
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
export function createHotAnswers(ctx: Context) {
  const kept = new Map<string, Kept>();
  const rendering = new Map<string, Rendering>();

  /** The kept answer, or undefined when it may not be the last word any more. */
  function current(ref: string, generation: number | undefined): Kept | undefined {
    const known = kept.get(ref);
    const same = known !== undefined && generation !== undefined && known.generation === generation;
    return same && ctx.now().getTime() < known.until ? known : undefined;
  }

  async function renew({ ref, render }: HotAnswer, generation: number | undefined): Promise<Kept> {
    const known = kept.get(ref);
    const { body, etag, until: turn, link } = await render();
    const until = turn?.getTime() ?? Infinity;
    const fresh: Kept =
      known?.etag === etag
        ? { ...known, generation, until }
        : { generation, until, etag, link, body: Buffer.from(body) };
    if (kept.size >= MOST && !kept.has(ref)) kept.clear();
    kept.set(ref, fresh);
    return fresh;
  }

  function share(answer: HotAnswer, generation: number | undefined): Promise<Kept> {
    const known = rendering.get(answer.ref);
    if (!known) return begin(answer, generation);
    if (generation !== undefined && known.generation === generation) return known.now;
    const again = () => begin(answer, ctx.store.generation());
    return (known.next ??= known.now.then(again, again));
  }

  function begin(answer: HotAnswer, generation: number | undefined): Promise<Kept> {
    const mine: Rendering = { generation, now: renew(answer, generation) };
    rendering.set(answer.ref, mine);
    const done = () => {
      if (!mine.next) rendering.delete(answer.ref);
    };
    void mine.now.then(done, done);
    return mine.now;
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

  return {
    /** Sends at once where the answer is kept, and later where it has to be rendered. */
    send(request: FastifyRequest, reply: FastifyReply, answer: HotAnswer): void | Promise<void> {
      const generation = ctx.store.generation();
      const known = current(answer.ref, generation);
      if (known) return deliver(request, reply, known, answer.caching);
      return share(answer, generation).then((fresh) => deliver(request, reply, fresh, answer.caching));
    },
  };
}
