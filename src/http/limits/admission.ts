import type {
  FastifyBaseLogger,
  FastifyReply,
  FastifyRequest,
  onRequestHookHandler,
  preValidationHookHandler,
} from 'fastify';
import { ERRORS } from '../../errors.js';
import { problemJson } from '../problems.js';

/*
 * Who is turned away when more come than can be served. The rule is Little's law: as many as are inside, divided by how
 * many leave each second, is how long the next one would wait. Above MAX_WAIT_MS it is told at once to come again later,
 * before anything was read, parsed or looked up for it. What people need to get out or be heard of is always let in:
 * mailed links, unsubscribing, their own data, reading, and the service routes. For them there is room beyond the bound.
 */

/** Below that many nobody is turned away: so few tell nothing, and are soon served. */
const CROWD = 100;
const WINDOW_MS = 250;
/** How much the latest window counts in what is known. */
const WEIGHT = 0.3;
/** The part of the places to wait that is for those who may be turned away; the rest is for the others. */
const SHARE = 0.9;
const RETRY_SECONDS = [1, 2, 3, 4, 5];
/** Refusals of a window that leave at once. More are held back: who is told at once is back at once. */
const AT_ONCE = 100;
const HOLD_MS = 1000;
/** Nobody is held for longer, however many are. */
const HOLD_MOST_MS = 5000;
const RELEASE_EVERY_MS = 50;
/** So many leave each time, and whoever has been held for the longest besides. */
const RELEASED = 75;
const MOST_HELD = 20_000;
const LOG_EVERY_MS = 10_000;

/** Answers that cost no transaction: they say nothing of how many can be served. */
const CHEAP = new Set([400, 401, 403, 413, 415, 422, 429]);
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Limits of routes that are used from mails and to stop mails. */
const VITAL = new Set(['confirm', 'mail', 'none', 'service']);

export type AdmissionOptions = {
  /** How long somebody who is let in may have to wait, by what is known. */
  maxWaitMs: number;
  /** Transactions that may wait, and how many do. */
  maxWaiting: number;
  waiting: () => number;
  publicUrl: string;
  log: FastifyBaseLogger;
};

/** How many are inside, and how many left while it was never empty. */
export class Crowd {
  inside = 0;
  /** Requests a millisecond that can be served; unknown until there was a crowd for a whole window. */
  capacity = Infinity;
  #since = 0;
  #fewest = 0;
  #left = 0;

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
   * A window in which there was always a crowd shows what can be done. Any other shows only what was asked, and so that at
   * least so much can be done: else those who are turned away after a standstill would never be let in again.
   */
  #look(now: number): void {
    const passed = now - this.#since;
    if (passed < WINDOW_MS) return;
    const rate = this.#left / passed;
    if (this.#fewest < CROWD) this.capacity = Math.max(this.capacity, rate);
    else if (this.capacity === Infinity) this.capacity = rate;
    else this.capacity += WEIGHT * (rate - this.capacity);
    this.#since = now;
    this.#left = 0;
    this.#fewest = this.inside;
  }

  /** How long the next one would wait behind so many. */
  waitBehind(many: number, now: number): number {
    this.#look(now);
    return many < CROWD ? 0 : many / this.capacity;
  }
}

export type Admission = {
  /** Turns away, before anything else is done. */
  gate: onRequestHookHandler;
  /**
   * Counts those whose request is there, after parsing: whoever is slow to send it waits for nothing of ours. Counted
   * before, 300 slow bodies shut signing for all.
   */
  count: preValidationHookHandler;
};

const mayWait = ({ method, routeOptions }: FastifyRequest): boolean =>
  !READING.has(method) && !VITAL.has(routeOptions.config.limit ?? '');

/** The hooks for the routes that may turn somebody away. */
export function createAdmission(options: AdmissionOptions): Admission {
  const { maxWaitMs, maxWaiting, waiting, log } = options;
  const crowd = new Crowd();
  const places = Math.max(1, Math.floor(maxWaiting * SHARE));
  const refuse = paced(refusal(options.publicUrl));
  let loggedAt = -LOG_EVERY_MS;

  function tell(now: number, found: Record<string, number>): void {
    if (now - loggedAt < LOG_EVERY_MS) return;
    loggedAt = now;
    log.warn(found, 'overloaded: turning away');
  }

  return {
    gate(request, reply, done) {
      if (!mayWait(request)) return done();
      const now = performance.now();
      // Those whose client has hung up are no longer inside, but what they asked for may still wait.
      const queued = waiting();
      const wait = crowd.waitBehind(Math.max(crowd.inside, queued), now);
      if (queued < places && wait <= maxWaitMs) return done();
      refuse(request, reply, now);
      tell(now, { inside: crowd.inside, waiting: queued, wait_ms: Math.round(wait) });
    },
    count(request, reply, done) {
      if (mayWait(request)) {
        crowd.enter(performance.now());
        const { raw } = reply;
        raw.once('close', () => crowd.leave(performance.now(), !CHEAP.has(raw.statusCode)));
      }
      done();
    },
  };
}

type Refuse = (request: FastifyRequest, reply: FastifyReply) => void;

/**
 * Answers some at once, and all others a second later, or more when there are very many: clients that take no notice of
 * Retry-After would else keep the process so busy with refusing that it served nobody (17 % of what it can do, instead of
 * 84 %, was measured). A request that is held costs nothing but its place. Some 1,500 refusals a second leave at most.
 */
function paced(refuse: Refuse): (request: FastifyRequest, reply: FastifyReply, now: number) => void {
  /** In the order in which they came. */
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

/** Stands for the request's id in an answer that is made beforehand. */
const ID_PLACE = '{id}';

/** The answer is ready but for the request's id. Not all come back at the same moment. */
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
    // The id was made here, or has only letters, digits and a few signs.
    reply.sendNow(status, some, `${start}${request.id}${end}`);
  };
}
