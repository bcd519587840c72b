/* The bounds of every request, and of the connections on which they come. */

/** How long a request may take to arrive, and how often that is checked, in milliseconds. */
export type Arrival = { mostMs: number; lookMs: number };

/** Node's default is to check every 30 seconds: a client could take that much longer. */
export const ARRIVAL: Arrival = { mostMs: 15_000, lookMs: 1000 };

export const MAX_URL = 4096;
export const MAX_BODY = 65_536;

/** How long a connection may be silent: during a request, and between two. */
export const CONNECTION_MS = 60_000;
export const KEEP_ALIVE_MS = 72_000;
