import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { MAX_URL } from '../http/bounds.js';
import { addressFinder, clientOf } from '../http/caller.js';
import { ERRORS } from '../errors.js';
import { Leaving, type Finished } from '../http/front/leaving.js';
import { lookAt, type Look } from '../http/front/look.js';
import { problemJson } from '../http/problem-json.js';
import {
  finishedOf,
  formFor,
  keepableOf,
  KeptAnswers,
  type Keepable,
  type KeptAnswer,
} from './kept-answers.js';
import type { WorkerSettings } from './messages.js';
import type { AnswerTally } from './tally.js';
import { Upstream } from './upstream.js';

/** A request that this worker may be able to answer. */
type Asking = {
  request: IncomingMessage;
  response: ServerResponse;
  look: Look;
  since: number;
};

/** The server is being asked for an answer, at a state of the database; `waiting`: who came meanwhile, at the same state. */
type Asked = { version: number; waiting: Asking[] };

export type WorkerParts = {
  settings: Pick<WorkerSettings, 'socket' | 'trustProxy' | 'publicUrl' | 'constant'>;
  /** A number that changes with each commit. */
  version: () => number;
  tally: AnswerTally;
  draining: () => boolean;
};

/** Read off the raw headers: Node would make an object of all of them. */
const hasCookie = ({ rawHeaders }: IncomingMessage): boolean =>
  rawHeaders.some((name, i) => i % 2 === 0 && name.length === 6 && name.toLowerCase() === 'cookie');

/** Answers what it keeps, and passes everything else to the server. */
export class WorkerFront {
  readonly #kept: KeptAnswers;
  readonly #upstream: Upstream;
  readonly #leaving = new Leaving();
  readonly #asked = new Map<string, Asked>();
  readonly #addressOf: (request: IncomingMessage) => string;
  /** Requests on their way to the server, by connection. */
  readonly #passed = new WeakMap<object, number>();

  constructor(private readonly parts: WorkerParts) {
    this.#kept = new KeptAnswers(parts.version);
    this.#upstream = new Upstream(parts.settings.socket);
    this.#addressOf = addressFinder(parts.settings.trustProxy);
  }

  standOn(server: Server): void {
    server.on('request', (request, response) => this.#take(request, response));
  }

  /** Whether the server has a request of this connection, and so looks itself how long it takes to arrive. */
  hasPassed(socket: object): boolean {
    return (this.#passed.get(socket) ?? 0) > 0;
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const { method, url = '' } = request;
    const isPlain = method === 'GET' && url.length <= MAX_URL && !hasCookie(request);
    const look = isPlain ? lookAt(request) : undefined;
    if (!look) return this.#pass(request, response);
    const entry = this.#kept.find(url);
    const asking = { request, response, look, since: performance.now() };
    if (!entry) return this.#ask(asking);
    const answer = this.#kept.isCurrent(entry) ? formFor(entry, look) : undefined;
    if (!answer || !this.#send(asking, entry, answer)) this.#askTogether(asking);
  }

  /** Sends a kept answer; false: the server has to count the client first. */
  #send({ request, response, since }: Asking, { keep }: KeptAnswer, answer: Finished): boolean {
    const { tally, draining } = this.parts;
    const client = clientOf(this.#addressOf(request));
    const limit = keep.limit ?? 'plain';
    if (!tally.mayAnswer(client, limit)) return false;
    tally.count(client, limit);
    const headers = draining() ? [...answer.headers, 'connection', 'close'] : answer.headers;
    response.writeHead(answer.status, headers as string[]);
    const times = tally.timesOf(keep.operation, answer.status);
    this.#leaving.endFinished(response, answer, () => times.observe(performance.now() - since));
    return true;
  }

  /** Asks the server once for all who ask at the same state of the database. */
  #askTogether(asking: Asking): void {
    const { url = '' } = asking.request;
    const version = this.parts.version();
    const asked = this.#asked.get(url);
    if (asked?.version === version) asked.waiting.push(asking);
    else this.#ask(asking);
  }

  #ask(asking: Asking): void {
    const { request, response, look } = asking;
    const { url = '' } = request;
    // Read before the server is asked: what it answers is not older.
    const mine: Asked = { version: this.parts.version(), waiting: [] };
    this.#asked.set(url, mine);
    let found: Keepable | undefined;
    let entry: KeptAnswer | undefined;
    this.#pass(request, response, {
      watch: (answer) => {
        found = keepableOf(answer);
        // Who waits need not wait for the end of what is not kept.
        if (!found) return void this.#release(url, mine, undefined);
        const keepable = found;
        return (body) => {
          entry = this.#kept.keep(url, keepable, mine.version, look, finishedOf(answer, body));
        };
      },
      over: () => this.#release(url, mine, entry),
    });
  }

  /** Those who waited get the answer in their form; each of the others asks for itself. */
  #release(url: string, mine: Asked, entry: KeptAnswer | undefined): void {
    if (this.#asked.get(url) === mine) this.#asked.delete(url);
    for (const asking of mine.waiting.splice(0)) {
      const { request, response, look } = asking;
      if (response.destroyed) continue;
      const answer = entry && formFor(entry, look);
      if (entry && answer && this.#send(asking, entry, answer)) continue;
      if (entry && !answer) this.#askTogether(asking);
      else this.#pass(request, response);
    }
  }

  #pass(
    request: IncomingMessage,
    response: ServerResponse,
    { watch, over }: Pick<Parameters<Upstream['pass']>[2], 'watch' | 'over'> = {},
  ): void {
    const { socket } = request;
    this.#passed.set(socket, (this.#passed.get(socket) ?? 0) + 1);
    response.once('close', () => this.#passed.set(socket, (this.#passed.get(socket) ?? 0) - 1));
    this.#upstream.pass(request, response, {
      peer: socket.remoteAddress ?? '',
      unreachable: () => this.#excuse(response),
      ...(watch ? { watch } : {}),
      ...(over ? { over } : {}),
    });
  }

  /** What is answered while the server cannot be reached. */
  #excuse(response: ServerResponse): void {
    const { constant, publicUrl } = this.parts.settings;
    const [status] = ERRORS.storage_unavailable;
    const detail = 'Come again in a moment. Nothing was changed.';
    const body = problemJson(publicUrl, 'storage_unavailable', 'none', { detail });
    response.writeHead(status, {
      ...constant,
      'content-type': 'application/problem+json; charset=utf-8',
      'cache-control': 'no-store',
      'retry-after': '1',
    });
    response.end(body);
  }
}
