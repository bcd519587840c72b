import type { ServerResponse } from 'node:http';
import type {
  FastifyBaseLogger,
  FastifyReply,
  FastifyRequest,
  onRequestHookHandler,
  preValidationHookHandler,
} from 'fastify';
import { ERRORS } from '../../errors.js';
import { problemJson } from '../problem-json.js';

/*
 * Overload protection: which requests are refused with 503 `overloaded` when more arrive than can be served. By
 * Little's law, the expected wait is the number of requests in progress divided by the number completed per second. If
 * it exceeds MAX_WAIT_MS, a request is refused before its body is read or anything is looked up. Never refused are
 * mailed links, unsubscribing, "my data", reading, and the service routes: SHARE keeps room in the queue for them.
 */

/** With fewer requests in progress none is refused: too few to measure the capacity, and soon served. */
const FEWEST_MEASURED = 100;
const WINDOW_MS = 250;
/** The weight of the latest window in the moving average of the capacity. */
const WEIGHT = 0.3;
/**
 * The capacity that a process is presumed to have at least while it is cold: in its first windows under load it still
 * compiles and opens connections. Measured on PostgreSQL: of 500 sockets that came at once each was refused once.
 */
const PRESUMED = 1;
const COLD_WINDOWS = 8;
/** How much of the transaction queue refusable requests may fill; the rest is kept for requests that are never refused. */
const SHARE = 0.9;
const RETRY_SECONDS = [1, 2, 3, 4, 5];
/** Refusals in a window that are sent at once. Others are held back: clients that are refused at once retry at once. */
const AT_ONCE = 100;
const HOLD_MS = 1000;
/** The longest that a refusal is held back, however many are waiting. */
const HOLD_MOST_MS = 5000;
const RELEASE_EVERY_MS = 50;
/** Refusals that are released at a time, not counting those that have reached HOLD_MOST_MS. */
const RELEASED = 75;
const MOST_HELD = 20_000;
const LOG_EVERY_MS = 10_000;

/** Statuses of answers that cost no transaction, and so say nothing about the capacity. */
const CHEAP = new Set([400, 401, 403, 413, 415, 422, 429]);
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);
/** The `limit` of routes that are never refused: mailed links, unsubscribing, service. */
const VITAL = new Set(['confirm', 'mail', 'none', 'service']);

export type AdmissionOptions = {
  /** The longest expected wait at which a request is still accepted. */
  maxWaitMs: number;
  /** The bound of the transaction queue, and (`waiting`) its present length. */
  maxWaiting: number;
  waiting: () => number;
  publicUrl: string;
  log: FastifyBaseLogger;
};

/** Counts the requests in progress, and estimates how many can be served per millisecond. */
export class LoadMeter {
  inside = 0;
  /** Requests per millisecond; Infinity until FEWEST_MEASURED requests were in progress for a whole window. */
  capacity = Infinity;
  #since = 0;
  #fewest = 0;
  #left = 0;
  #cold = COLD_WINDOWS;

  enter(now: number): void {
    this.#look(now);
    this.inside += 1;
  }

  leave(now: number, served: boolean): void {
    this.inside -= 1;
    if (served) this.#left += 1;
    this.#look(now);
    if (this.inside < this.#fewest) this.#fewest = this.inside;
  }

  /**
   * Closes a window. If at least FEWEST_MEASURED requests were always in progress, its rate is the capacity. Otherwise
   * it is only what was asked for, a lower bound of the capacity. That bound still counts: after a standstill every
   * request would otherwise be refused for ever.
   */
  #look(now: number): void {
    const passed = now - this.#since;
    if (passed < WINDOW_MS) return;
    const rate = this.#left / passed;
    if (this.#fewest < FEWEST_MEASURED) this.capacity = Math.max(this.capacity, rate);
    else this.#measured(rate);
    this.#since = now;
    this.#left = 0;
    this.#fewest = this.inside;
  }

  #measured(rate: number): void {
    if (this.capacity === Infinity) this.capacity = rate;
    else this.capacity += WEIGHT * (rate - this.capacity);
    if (this.#cold === 0) return;
    this.#cold -= 1;
    this.capacity = Math.max(this.capacity, PRESUMED);
  }

  /** The expected wait in milliseconds behind so many requests. */
  waitBehind(many: number, now: number): number {
    this.#look(now);
    return many < FEWEST_MEASURED ? 0 : many / this.capacity;
  }
}

export type Admission = {
  /** Refuses requests, before anything else is done for them. */
  gate: onRequestHookHandler;
  /**
   * Counts requests in progress. It must run after parsing: a client that sends its body slowly uses no capacity. When
   * such requests were counted too, 300 slow bodies blocked signing for everyone.
   */
  count: preValidationHookHandler;
  /** The same for requests that are answered in front of Fastify: whether one is accepted, and counting it. */
  isOpen(): boolean;
  enter(response: ServerResponse): void;
};

const mayWait = ({ method, routeOptions }: FastifyRequest): boolean =>
  !READING.has(method) && !VITAL.has(routeOptions.config.limit ?? '');

/** The hooks for blocks whose routes may refuse requests under load. */
export function createAdmission(options: AdmissionOptions): Admission {
  const { maxWaitMs, maxWaiting, waiting, log } = options;
  const load = new LoadMeter();
  const places = Math.max(1, Math.floor(maxWaiting * SHARE));
  const refuse = paced(refusal(options.publicUrl));
  let loggedAt = -LOG_EVERY_MS;

  function logRefusal(now: number, found: Record<string, number>): void {
    if (now - loggedAt < LOG_EVERY_MS) return;
    loggedAt = now;
    log.warn(found, 'overloaded: turning away');
  }

  /** Undefined: there is room for one more request. */
  function crowd(now: number) {
    // A request whose client has hung up is no longer counted, but its transaction may still be queued.
    const queued = waiting();
    const wait = load.waitBehind(Math.max(load.inside, queued), now);
    if (queued < places && wait <= maxWaitMs) return undefined;
    return { inside: load.inside, waiting: queued, wait_ms: Math.round(wait) };
  }

  function enter(response: ServerResponse): void {
    // The client has hung up meanwhile: nothing would say that it leaves.
    if (response.destroyed) return;
    load.enter(performance.now());
    response.once('close', () => load.leave(performance.now(), !CHEAP.has(response.statusCode)));
  }

  return {
    isOpen: () => crowd(performance.now()) === undefined,
    enter,
    gate(request, reply, done) {
      if (!mayWait(request)) return done();
      const now = performance.now();
      const found = crowd(now);
      if (!found) return done();
      refuse(request, reply, now);
      logRefusal(now, found);
    },
    count(request, reply, done) {
      if (mayWait(request)) enter(reply.raw);
      done();
    },
  };
}

type Refuse = (request: FastifyRequest, reply: FastifyReply) => void;

/**
 * Sends some refusals at once, and all others a second later, or up to HOLD_MOST_MS when there are very many. Otherwise
 * clients that ignore Retry-After would keep the process busy with refusing (measured: it served 17 % of its capacity
 * instead of 84 %). A refusal that is held costs only memory. At most some 1,500 a second are sent.
 */
function paced(refuse: Refuse): (request: FastifyRequest, reply: FastifyReply, now: number) => void {
  /** In the order of arrival. */
  const held: { request: FastifyRequest; reply: FastifyReply; since: number }[] = [];
  let windowEnds = 0;
  let atOnce = 0;
  let timer: NodeJS.Timeout | undefined;

  const release = () => {
    const now = performance.now();
    const staying = held.findIndex(({ since }, i) => now - since < (i < RELEASED ? HOLD_MS : HOLD_MOST_MS));
    for (const { request, reply } of held.splice(0, staying < 0 ? held.length : staying)) {
      if (!reply.raw.destroyed) refuse(request, reply);
    }
    timer = held.length > 0 ? setTimeout(release, RELEASE_EVERY_MS) : undefined;
  };
  return (request, reply, now) => {
    if (now > windowEnds) [windowEnds, atOnce] = [now + WINDOW_MS, 0];
    atOnce += 1;
    if (atOnce <= AT_ONCE || held.length >= MOST_HELD) return refuse(request, reply);
    held.push({ request, reply, since: now });
    timer ??= setTimeout(release, RELEASE_EVERY_MS);
  };
}

/** The placeholder for the request id in the prepared answer. */
const ID_PLACE = '{id}';

/** The answer is prepared except for the request id. Retry-After varies, so that clients do not all return at once. */
function refusal(publicUrl: string): Refuse {
  const [status] = ERRORS.overloaded;
  const detail = 'Come again after the seconds of Retry-After. Nothing was changed.';
  const [start = '', end = ''] = problemJson(publicUrl, 'overloaded', ID_PLACE, { detail }).split(ID_PLACE);
  const headers = RETRY_SECONDS.map((seconds) => [
    'content-type',
    'application/problem+json',
    'cache-control',
    'no-store',
    'retry-after',
    String(seconds),
  ]);
  return (request, reply) => {
    const some = headers[Math.floor(Math.random() * headers.length)] ?? [];
    // Inserted without escaping: the id was made here, or matches REQUEST_ID in instance.ts.
    reply.sendNow(status, some, `${start}${request.id}${end}`);
  };
}
