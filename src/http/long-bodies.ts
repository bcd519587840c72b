import type { Socket } from 'node:net';

/*
 * Requests whose body is read while it comes, for as long as it comes. A connection on which nothing moves is ended like
 * any other.
 */

const long = new WeakSet<Socket>();

/** Takes a connection out of the limit for a whole request, until `stop` is called. */
export function takesLong(socket: Socket): { stop(): void } {
  long.add(socket);
  return { stop: () => void long.delete(socket) };
}

export const isLong = (socket: Socket): boolean => long.has(socket);
