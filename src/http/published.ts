import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from '../core/context.js';
import type { Published, Reader } from '../store/store.js';

/*
 * Reads that a replica may answer, where there is one: those of callers without a key. Who has one reads what they wrote.
 *
 * The age is told as `Age`: a cache then keeps the answer for so much less, and the lifetime promised holds from the commit on.
 */

/** In whole seconds, rounded up: what is said must not be younger than it is. */
export const ageHeader = (ageMs: number): string => String(Math.ceil(ageMs / 1000));

/** Reads, and says on the reply how old that is. */
export async function readFor<T>(
  { store }: Pick<Context, 'store'>,
  request: FastifyRequest,
  reply: FastifyReply,
  work: (read: Reader) => Promise<T>,
): Promise<T> {
  if (request.actor.kind !== 'anonymous') return work(store.read);
  const { value, ageMs } = await store.published(work);
  if (ageMs !== undefined) reply.header('age', ageHeader(ageMs));
  return value;
}

/** What is rendered for all callers without a key, with its age. */
export async function rendered<T extends object>(published: Promise<Published<T>>) {
  const { value, ageMs } = await published;
  return { ...value, ageMs };
}
