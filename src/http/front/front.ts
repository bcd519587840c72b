import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { RecentMap } from '../../core/recent-map.js';
import { MAX_URL } from '../bounds.js';
import { countTally, keptBy, type Keep, type NearLimit, type Tally } from './behind-workers.js';
import type { FrontParts } from './front-parts.js';
import type { Finished } from './leaving.js';
import { lookAt, type Look } from './look.js';
import { SigningFront } from './signing-front.js';

/*
 * The front: it answers the requests that nearly all readers send, before Fastify would. A route has put the answer
 * there when it answered the same URL through Fastify, and its rules stay in the route. Whatever is unusual about a
 * request goes on to Fastify, which gives the same status, headers and bytes: `test/http/front` compares the two.
 */

/** What the front knows of a URL. */
export type Kept = {
  operation: string;
  /** The answer; undefined: it is out of date, or this request gets another. */
  find: (look: Look) => Finished | undefined;
  /** Called with the request, and the address of its client, when the answer is sent. */
  sent?: (request: IncomingMessage, address: string) => void;
  /** Whether caches may share the answer. Otherwise it also says how many requests are left, and its id. */
  isShared: boolean;
  /** How workers may keep the answer that was found, which is shared; absent: they may not. */
  keep?: () => Keep;
  /** Which limit the request counts against; absent: the one of all clients. */
  limit?: 'service';
  /** Whether the answer is the same for every query. */
  anyQuery?: boolean;
};

declare module 'fastify' {
  interface FastifyInstance {
    front: Front;
  }
}

/** At least so many URLs are known, more than are busy at once. */
const MOST = 2000;

export class Front {
  readonly #kept = new RecentMap<Kept, string>(MOST);
  readonly signing: SigningFront;

  constructor(private readonly options: FrontParts) {
    this.signing = new SigningFront(options);
  }

  /** Keeps the answer to a URL; with `anyQuery`, to one without a query. */
  keep(url: string, kept: Kept): void {
    if (!this.#kept.get(url)) this.#kept.set(url, kept);
  }

  /** Puts itself before the listener of a server. */
  standBefore(server: Server): void {
    const listeners = server.listeners('request') as ((...args: [IncomingMessage, ServerResponse]) => void)[];
    server.removeAllListeners('request');
    server.on('request', (request, response) => {
      const pass = () => {
        for (const listener of listeners) listener.call(server, request, response);
      };
      if (request.method === 'POST') {
        if (this.signing.take(request, response, pass)) return;
      } else if (this.#answer(request, response)) return;
      pass();
    });
  }

  /** Counts what a worker has answered, as if it had been answered here. */
  countTally(tally: Tally): NearLimit {
    return countTally(this.options, tally);
  }

  #answer(request: IncomingMessage, response: ServerResponse): boolean {
    const kept = request.method === 'GET' ? this.#find(request.url ?? '') : undefined;
    const { limits, times, leaving, addressOf, requestId, draining, behindWorkers } = this.options;
    if (!kept || draining()) return false;
    const startedAt = performance.now();
    const look = lookAt(request);
    if (!look) return false;
    const answer = kept.find(look);
    const address = addressOf(request);
    const limit = answer && limits.countKeyless(address, kept);
    if (!limit) return false;
    kept.sent?.(request, address);
    let { headers } = answer;
    if (!kept.isShared) headers = [...headers, ...limit, 'x-request-id', requestId(request)];
    else if (behindWorkers && kept.keep) headers = keptBy(headers, kept.keep());
    response.writeHead(answer.status, headers as string[]);
    const series = times.of(kept.operation, answer.status);
    leaving.endFinished(response, answer, () => series.observe(performance.now() - startedAt));
    return true;
  }

  #find(url: string): Kept | undefined {
    const known = this.#kept.get(url);
    const query = known || url.length > MAX_URL ? -1 : url.indexOf('?');
    if (query < 0) return known;
    const kept = this.#kept.get(url.slice(0, query));
    return kept?.anyQuery ? kept : undefined;
  }
}
