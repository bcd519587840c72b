import { createHmac } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';
import { eq, lt } from 'drizzle-orm';
import { ApiError } from '../errors.js';
import { bind, bindAll, statement, type Store, type Tx } from '../store/store.js';
import { seal, unseal } from './sealer.js';

/** A caller's wish that a request have its effect once, however often it is sent. */
export type Retry = {
  /** Names the credential, the route and the caller's key; a hash, so that a captured database tells nothing. */
  hash: Buffer;
  /** What was asked: the same key with another body is a mistake. */
  requestHash: Buffer;
  /** Seals the kept answer. Derived from the caller's key, which is not stored. */
  sealingKey: Buffer;
};

const HOURS_KEPT = 48;

const digest = (purpose: string, ...parts: string[]) =>
  createHmac('sha256', `undersigned/idempotency/${purpose}`).update(JSON.stringify(parts)).digest();

/** `scope` is everything that the key is private to: the credential, the method and the path. */
export const retryOf = (scope: string, key: string, body: string): Retry => ({
  hash: digest('name', scope, key),
  requestHash: digest('request', body),
  sealingKey: digest('seal', scope, key),
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
 * Runs `work`, or returns what it returned when the same request was made before. A concurrent retry waits for the
 * first. Failures are not kept: the retry runs again. Throws `idempotency_key_reused`.
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
        detail: 'This Idempotency-Key came with another request before. Use a new key for a new request.',
      });
    }
    return deserialize(plain) as T;
  }
  const value = await work();
  await keep(tx, { hash, answer: seal(sealingKey, serialize(value)) });
  return value;
}

/** Forgets answers that are older than anybody retries. Returns how many. */
export async function forgetOldRetries(store: Store, now: Date): Promise<number> {
  const { idempotencyKeys } = store.tables;
  const before = new Date(now.getTime() - HOURS_KEPT * 3_600_000);
  const rows = await store.transact((tx) =>
    tx.db
      .delete(idempotencyKeys)
      .where(lt(idempotencyKeys.createdAt, before))
      .returning({ hash: idempotencyKeys.hash }),
  );
  return rows.length;
}
