import { createHmac } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';
import { eq, inArray, lt } from 'drizzle-orm';
import { ApiError } from '../errors.js';
import { bind, bindAll, statement, type Store, type Tx } from '../store/store.js';
import { deleteInSteps } from './in-steps.js';
import { seal, unseal } from './sealer.js';

/*
 * The `Idempotency-Key`: a retry gets the first answer instead of a second effect. Answers are stored encrypted with a
 * key that is derived from the caller's own and never stored.
 */

/** A request that must take effect only once, however often it is sent. */
export type Retry = {
  /** Identifies the sender, the route and the caller's key; a hash, so that a stolen database reveals none of them. */
  hash: Buffer;
  /** The hash of the body: the same key with another body is an error. */
  requestHash: Buffer;
  /** Encrypts the kept answer. Derived from the caller's key, which is not stored. */
  sealingKey: Buffer;
};

const HOURS_KEPT = 48;

const digest = (key: Buffer, purpose: string, ...parts: string[]) =>
  createHmac('sha256', key)
    .update(JSON.stringify([purpose, ...parts]))
    .digest();

/**
 * `secret` is the installation's, so that a stolen database opens nothing. `scope` is all that the key is private to:
 * the sender, the method and the path.
 */
export const retryOf = (secret: Buffer, scope: string, key: string, body: string): Retry => ({
  hash: digest(secret, 'name', scope, key),
  requestHash: digest(secret, 'request', body),
  sealingKey: digest(secret, 'seal', scope, key),
});

const claim = statement('idempotency_claim', ({ db, tables: { idempotencyKeys } }: Tx) =>
  db
    .insert(idempotencyKeys)
    .values({ ...bindAll(idempotencyKeys, ['hash', 'requestHash', 'createdAt']), answer: Buffer.alloc(0) })
    .onConflictDoNothing()
    .returning({ claimed: idempotencyKeys.createdAt }),
);

const find = statement('idempotency_find', ({ db, tables: { idempotencyKeys } }: Tx) =>
  db
    .select({ requestHash: idempotencyKeys.requestHash, answer: idempotencyKeys.answer })
    .from(idempotencyKeys)
    .where(eq(idempotencyKeys.hash, bind(idempotencyKeys.hash, 'hash'))),
);

const keep = statement('idempotency_keep', ({ db, tables: { idempotencyKeys } }: Tx) =>
  db
    .update(idempotencyKeys)
    .set({ answer: bind(idempotencyKeys.answer, 'answer') })
    .where(eq(idempotencyKeys.hash, bind(idempotencyKeys.hash, 'hash'))),
);

/**
 * Runs `work`, or returns what it returned when the same request came before. A concurrent retry waits for the first
 * request. Failures are rolled back and not kept, so a retry runs again. What is kept is the value of `work`; the HTTP
 * answer is rendered again. Throws `idempotency_key_reused`.
 */
export async function once<T>(tx: Tx, retry: Retry | undefined, work: () => Promise<T>): Promise<T> {
  if (!retry) return work();
  const { hash, requestHash, sealingKey } = retry;
  const claimed = await claim(tx, { hash, requestHash, createdAt: tx.now });
  if (claimed.length === 0) {
    const [kept] = await find(tx, { hash });
    const plain = kept && unseal(sealingKey, kept.answer);
    if (!plain || !kept.requestHash.equals(requestHash)) {
      throw new ApiError('idempotency_key_reused', {
        detail: 'This Idempotency-Key was used with another request. Use a new key for a new request.',
      });
    }
    return deserialize(plain) as T;
  }
  const value = await work();
  await keep(tx, { hash, answer: seal(sealingKey, serialize(value)) });
  return value;
}

/** Deletes answers that are older than 48 hours. Returns how many. */
export function forgetOldRetries(store: Store, now: Date): Promise<number> {
  const { idempotencyKeys: t } = store.tables;
  const before = new Date(now.getTime() - HOURS_KEPT * 3_600_000);
  return deleteInSteps(store, (db, most) => {
    const old = db.select({ hash: t.hash }).from(t).where(lt(t.createdAt, before)).limit(most);
    return db.delete(t).where(inArray(t.hash, old)).returning({ createdAt: t.createdAt });
  });
}
