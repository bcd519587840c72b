import { gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from '../../core/context.js';
import type { Store } from '../../store/store.js';
import type { ConstantHeaders } from '../headers.js';
import { ageHeader } from '../published.js';
import { operationOf } from '../request-times.js';
import { choose, type Choices } from './choices.js';
import { chosenBy } from '../accept-language.js';
import type { Keep } from './behind-workers.js';
import type { Front } from './front.js';
import { finished } from './send-now.js';

/** `until`: when the clock makes the answer stale; null for never. `link`: the value of its `Link` header. */
export type Rendered = { body: string; etag: string; until: Date | null; link?: string | undefined } & {
  /** Of a replica: how old it is at most. */
  ageMs?: number | undefined;
  /** The languages that it could be in, the usual one first, and the one that it is in; absent: it has none. */
  languages?: { all: readonly string[]; shown: string };
};

/** A cacheable answer. `ref` is its key in the cache. */
export type HotAnswer = {
  ref: string;
  /** Caching headers: names and values, alternating. */
  caching: readonly string[];
  /** `locale`: one of its languages; undefined: the usual one. */
  render: (locale: string | undefined) => Promise<Rendered>;
  /** The language that the query asks for; absent: what the browser wants. */
  asked?: string | undefined;
};
type Place = Pick<HotAnswer, 'ref' | 'asked'>;
type Kept = Choices & { generation: number | undefined; until: number };

/** Answers kept at a time: more than the number of petitions that are busy at once. */
const MOST = 500;
/** Bytes below which gzip makes an answer longer. */
const SMALL = 256;

/** How often an answer is rendered because its languages have changed meanwhile. */
const MOST_TRIES = 3;

/** A question mark is in no `ref`. */
const keyOf = ({ ref }: Place, locale: string | undefined): string =>
  locale === undefined ? ref : `${ref}?${locale}`;

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
  /** The languages of the answers that have several, by `ref`, as last rendered. */
  readonly #languages = new Map<string, readonly string[]>();

  constructor(
    private readonly ctx: Pick<Context, 'now'> & { store: Pick<Store, 'generation'> },
    private readonly app: Where,
  ) {}

  /** Sends the answer: synchronously where it is kept, otherwise after rendering it. */
  send(request: FastifyRequest, reply: FastifyReply, answer: HotAnswer): void | Promise<void> {
    const locale = this.#localeFor(answer, request.headers['accept-language']);
    const known = this.#current(keyOf(answer, locale));
    if (known) return this.#deliver(request, reply, known, answer);
    return this.#fresh(request, answer, locale).then((fresh) => this.#deliver(request, reply, fresh, answer));
  }

  /** Which of its languages a request gets; undefined: the usual one. */
  #localeFor({ ref, asked }: Place, header: string | undefined): string | undefined {
    const all = this.#languages.get(ref);
    if (all === undefined) return undefined;
    const chosen = chosenBy(asked, header)(all);
    return chosen === all[0] ? undefined : chosen;
  }

  /** Only after rendering is it certain which languages there are: with other ones, another one may be wanted. */
  async #fresh(request: FastifyRequest, answer: HotAnswer, wanted: string | undefined): Promise<Kept> {
    for (let locale = wanted, tries = 1; ; tries += 1) {
      const kept = await this.#share(answer, locale, this.ctx.store.generation());
      const next = this.#localeFor(answer, request.headers['accept-language']);
      if (next === locale || tries === MOST_TRIES) return kept;
      locale = next;
    }
  }

  /** The kept answer, or undefined when it may be out of date. */
  #current(ref: string): Kept | undefined {
    const known = this.#kept.get(ref);
    if (known === undefined) return undefined;
    const generation = this.ctx.store.generation();
    const same = generation !== undefined && known.generation === generation;
    return same && this.ctx.now().getTime() < known.until ? known : undefined;
  }

  #deliver(request: FastifyRequest, reply: FastifyReply, kept: Kept, place: Place): void {
    const { url, headers, actor } = request;
    if (actor.kind === 'anonymous' && request.method === 'GET') {
      const operation = operationOf(request);
      const { ref, asked } = place;
      const keep = (): Keep => ({ operation, until: endOf(this.#kept.get(ref)) });
      this.app.front.keep(url, {
        operation,
        find: ({ tags, encodings, languages }) => {
          const at = { ref, asked };
          const current = this.#current(keyOf(at, this.#localeFor(at, languages)));
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

  #share(answer: HotAnswer, locale: string | undefined, generation: number | undefined): Promise<Kept> {
    const known = this.#rendering.get(keyOf(answer, locale));
    if (!known) return this.#begin(answer, locale, generation);
    if (generation !== undefined && known.generation === generation) return known.now;
    const again = () => this.#begin(answer, locale, this.ctx.store.generation());
    return (known.next ??= known.now.then(again, again));
  }

  #begin(answer: HotAnswer, locale: string | undefined, generation: number | undefined): Promise<Kept> {
    const key = keyOf(answer, locale);
    const mine: Rendering = { generation, now: this.#render(answer, locale, generation) };
    this.#rendering.set(key, mine);
    const done = () => {
      if (!mine.next) this.#rendering.delete(key);
    };
    void mine.now.then(done, done);
    return mine.now;
  }

  async #render(
    answer: HotAnswer,
    locale: string | undefined,
    generation: number | undefined,
  ): Promise<Kept> {
    const { ref, caching, render } = answer;
    const key = keyOf(answer, locale);
    const known = this.#kept.get(key);
    const rendered = await render(locale);
    const { all = [] } = rendered.languages ?? {};
    if (all.length > 1) this.#languages.set(ref, all);
    else this.#languages.delete(ref);
    // It is older than the generation says, so it is for those who wait and for nobody later.
    if (rendered.ageMs !== undefined) return { generation, until: 0, ...this.#finish(rendered, caching) };
    const until = rendered.until?.getTime() ?? Infinity;
    const fresh: Kept =
      known?.etag === rendered.etag
        ? { ...known, generation, until }
        : { generation, until, ...this.#finish(rendered, caching) };
    if (this.#kept.size >= MOST && !this.#kept.has(key)) {
      this.#kept.clear();
      this.#languages.clear();
    }
    this.#kept.set(key, fresh);
    return fresh;
  }

  #finish({ body, etag, link, ageMs, languages }: Rendered, caching: readonly string[]): Choices {
    // `vary: authorization`: callers with a key may see more, and must not get the public answer from a cache.
    const varies = `accept-encoding, authorization${languages && languages.all.length > 1 ? ', accept-language' : ''}`;
    const headers = ['etag', etag, ...caching, 'vary', varies];
    if (languages) headers.push('content-language', languages.shown);
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
