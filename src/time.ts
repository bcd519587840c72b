/* Spans of time in milliseconds, as instants count them. */

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** The number of the day since 1970, in UTC. */
export const dayOf = (instant: Date): number => Math.floor(instant.getTime() / DAY_MS);
