import { gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from '../../core/context.js';
import type { Store } from '../../store/store.js';
import type { ConstantHeaders } from '../headers.js';
import { ageHeader } from '../published.js';
import { operationOf } from '../request-times.js';
import { choose, type Choices } from './choices.js';
import type { Keep } from './behind-workers.js';
import type { Front } from './front.js';
import { finished } from './send-now.js';

/** `until`: when the clock makes the answer stale; null for never. `link`: the value of its `Link` header. */
export type Rendered = { body: string; etag: string; until: Date | null; link?: string | undefined } & {
  /** Of a replica: how old it is at most. */
  ageMs?: number | undefined;
};

/** A cacheable answer. `ref` is its key in the cache. */
export type HotAnswer = {
  ref: string;
  /** Caching headers: names and values, alternating. */
  caching: readonly string[];
  render: () => Promise<Rendered>;
};
type Kept = Choices & { generation: number | undefined; until: number };

/** Answers kept at a time: more than the number of petitions that are busy at once. */
const MOST = 500;
/** Bytes below which gzip makes an answer longer. */
const SMALL = 256;

/** When the clock makes an answer stale. */
const endOf = (kept: Kept | undefined): number | null =>
  kept === undefined ? 0 : kept.until === Infinity ? null : kept.until;

/** What it needs of the app. */
type Where = { constant: ConstantHeaders; front: Pick<Front, 'keep'> };

/** The rendering in progress, and the one that begins when it is done. */
type Rendering = { generation: number | undefined; now: Promise<Kept>; next?: Promise<Kept> };

/**
 * A cache of answers that are rendered once and sent until the database changes. A kept answer is used only while the
 * store's generation is the one it was rendered under, and `until` has not passed: so it is never older than the last
 * commit of any process. Where the store has no generation, nothing is kept. A request that arrives during a rendering
 * then waits for the next one, since the current one may have read the data before a change; all waiting requests share
 * it. Answers to requests without a key are put into the front, too.
 */
export class HotAnswers {
  readonly #kept = new Map<string, Kept>();
  readonly #rendering = new Map<string, Rendering>();

  constructor(
    private readonly ctx: Pick<Context, 'now'> & { store: Pick<Store, 'generation'> },
    private readonly app: Where,
  ) {}

  /** Sends the answer: synchronously where it is kept, otherwise after rendering it. */
  send(request: FastifyRequest, reply: FastifyReply, answer: HotAnswer): void | Promise<void> {
    const known = this.#current(answer.ref);
    if (known) return this.#deliver(request, reply, known, answer.ref);
    const generation = this.ctx.store.generation();
    return this.#share(answer, generation).then((fresh) => this.#deliver(request, reply, fresh, answer.ref));
  }

  /** The kept answer, or undefined when it may be out of date. */
  #current(ref: string): Kept | undefined {
    const known = this.#kept.get(ref);
    if (known === undefined) return undefined;
    const generation = this.ctx.store.generation();
    const same = generation !== undefined && known.generation === generation;
    return same && this.ctx.now().getTime() < known.until ? known : undefined;
  }

  #deliver(request: FastifyRequest, reply: FastifyReply, kept: Kept, ref: string): void {
    const { url, headers, actor } = request;
    if (actor.kind === 'anonymous' && request.method === 'GET') {
      const operation = operationOf(request);
      const keep = (): Keep => ({ operation, until: endOf(this.#kept.get(ref)) });
      this.app.front.keep(url, {
        operation,
        find: ({ tags, encodings }) => {
          const current = this.#current(ref);
          return current && choose(current, tags, encodings);
        },
        isShared: true,
        keep,
      });
      const answer = choose(kept, headers['if-none-match'], headers['accept-encoding']);
      return reply.sendFinished(answer, { operation, until: endOf(kept) });
    }
    reply.sendFinished(choose(kept, headers['if-none-match'], headers['accept-encoding']));
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

  async #render({ ref, caching, render }: HotAnswer, generation: number | undefined): Promise<Kept> {
    const known = this.#kept.get(ref);
    const rendered = await render();
    // It is older than the generation says, so it is for those who wait and for nobody later.
    if (rendered.ageMs !== undefined) return { generation, until: 0, ...this.#finish(rendered, caching) };
    const until = rendered.until?.getTime() ?? Infinity;
    const fresh: Kept =
      known?.etag === rendered.etag
        ? { ...known, generation, until }
        : { generation, until, ...this.#finish(rendered, caching) };
    if (this.#kept.size >= MOST && !this.#kept.has(ref)) this.#kept.clear();
    this.#kept.set(ref, fresh);
    return fresh;
  }

  #finish({ body, etag, link, ageMs }: Rendered, caching: readonly string[]): Choices {
    // `vary: authorization`: callers with a key may see more, and must not get the public answer from a cache.
    const headers = ['etag', etag, ...caching, 'vary', 'accept-encoding, authorization'];
    if (ageMs !== undefined) headers.push('age', ageHeader(ageMs));
    const whole = [...headers, 'content-type', 'application/json; charset=utf-8'];
    if (link !== undefined) whole.push('link', link);
    const { constant } = this.app;
    const answer = finished(constant, 200, whole, body);
    const zip = () => finished(constant, 200, [...whole, 'content-encoding', 'gzip'], gzipSync(body));
    // Made when it is first asked for.
    let zipped = Buffer.byteLength(body) < SMALL ? answer : undefined;
    return {
      etag,
      whole: answer,
      unchanged: finished(constant, 304, headers, ''),
      zipped: () => (zipped ??= zip()),
    };
  }
}
