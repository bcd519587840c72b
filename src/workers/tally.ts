import type { CountedBy, NearLimit, Tally } from '../http/front/behind-workers.js';
import { TimesBySeries, type Times } from '../http/request-times.js';

/** How often the server is told what was answered: until then it does not know. */
const EVERY_MS = 50;

/**
 * Counts what this worker has answered, for the server, which alone has limits and metrics. The server says which clients
 * come near a limit: their requests go to it, where each is counted before it is answered.
 */
export class AnswerTally {
  #reads = new Map<CountedBy, Map<string, number>>();
  #times = new TimesBySeries();
  readonly #near = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly tell: (tally: Tally) => void) {}

  /** Whether this worker may answer the client. */
  mayAnswer(client: string, limit: CountedBy): boolean {
    if (this.#near.size === 0) return true;
    const until = this.#near.get(`${limit} ${client}`);
    return until === undefined || performance.now() >= until;
  }

  count(client: string, limit: CountedBy): void {
    let clients = this.#reads.get(limit);
    if (!clients) this.#reads.set(limit, (clients = new Map<string, number>()));
    clients.set(client, (clients.get(client) ?? 0) + 1);
    this.#timer ??= setTimeout(() => this.flush(), EVERY_MS);
  }

  timesOf(operation: string, status: number): Times {
    return this.#times.of(operation, status);
  }

  /** Tells what was not told yet. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const reads = [...this.#reads].flatMap(([limit, clients]) =>
      [...clients].map(([client, requests]) => [client, limit, requests] as const),
    );
    const times = this.#times
      .all()
      .map(([operation, status, { sum, buckets }]) => [operation, status, { sum, buckets }] as const);
    this.#reads = new Map();
    this.#times = new TimesBySeries();
    if (reads.length > 0 || times.length > 0) this.tell({ reads, times });
  }

  hear(near: NearLimit): void {
    const now = performance.now();
    for (const [key, until] of this.#near) if (until <= now) this.#near.delete(key);
    for (const [client, limit, seconds] of near) this.#near.set(`${limit} ${client}`, now + seconds * 1000);
  }
}
