import type { IncomingMessage } from 'node:http';
import type { Limits } from '../limits/limits.js';
import type { RequestTimes, Times } from '../request-times.js';

/*
 * What a server process and its workers (`src/workers/`) say to each other in headers. Both are removed before anybody
 * else sees them: a client that sends the first is not believed, and none gets the second.
 */

/** In a request: the address of the client that is connected to the worker. It is the first header. */
export const FROM = 'undersigned-from';
/** In an answer: that workers may keep it; a `Keep` as JSON. */
export const KEEP = 'undersigned-keep';

/** How an answer may be kept. */
export type Keep = {
  operation: string;
  /** When the clock makes it stale; null for never. */
  until: number | null;
  /** Whether it outlives commits. */
  isFixed?: boolean;
  /** Which limit requests for it count against; absent: the one of all clients. */
  limit?: 'service';
  /** Whether it is the same for every query. */
  anyQuery?: boolean;
};

/** Adds what workers have to know to the headers of an answer. */
export const keptBy = (headers: readonly string[], keep: Keep): string[] => [
  ...headers,
  KEEP,
  JSON.stringify(keep),
];

/**
 * Makes a request of a worker what it was when it came to the worker: from there on nothing differs from a request that
 * came here. A connection of a worker has one request at a time, but those of many clients.
 */
export function asItCame(request: IncomingMessage): void {
  const { socket, rawHeaders } = request;
  if (rawHeaders[0] !== FROM) return void socket.destroy();
  // Made from the raw headers at the first look, which has to come before they are shortened.
  delete request.headers[FROM];
  const [, peer] = rawHeaders.splice(0, 2);
  Object.defineProperty(socket, 'remoteAddress', { value: peer, configurable: true });
  // An answer that ends the connection may come before the end of the body: were it cut off then, the worker could not
  // read the answer. Without this Node only ends its own half, and the worker closes.
  Object.defineProperty(socket, 'destroySoon', { value: undefined, configurable: true });
}

/** What a worker has answered since it last told: how often, and how long it took by operation and status. */
export type Tally = {
  reads: (readonly [client: string, limit: CountedBy, requests: number])[];
  times: (readonly [operation: string, status: number, times: Pick<Times, 'sum' | 'buckets'>])[];
};
export type CountedBy = 'plain' | 'service';

/** Clients that come near a limit, and for how long their requests must come here. */
export type NearLimit = (readonly [client: string, limit: CountedBy, seconds: number])[];

type Counting = { limits: Pick<Limits, 'countAnswered'>; times: Pick<RequestTimes, 'of'> };

/** Counts what a worker has answered. */
export function countTally({ limits, times }: Counting, tally: Tally): NearLimit {
  for (const [operation, status, taken] of tally.times) times.of(operation, status).add(taken);
  return tally.reads
    .map(([client, limit, n]) => [client, limit, limits.countAnswered(client, limit, n)] as const)
    .filter(([, , seconds]) => seconds > 0);
}
