import type { Socket } from 'node:net';

/*
 * Exempts requests with a streamed body, such as imports, from the time limit for a whole request. An idle connection
 * is still closed.
 */

const long = new WeakSet<Socket>();

/** Exempts a connection from the limit until `stop` is called. */
export function takesLong(socket: Socket): { stop(): void } {
  long.add(socket);
  return { stop: () => void long.delete(socket) };
}

export const isLong = (socket: Socket): boolean => long.has(socket);
