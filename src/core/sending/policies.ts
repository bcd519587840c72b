import { eq } from 'drizzle-orm';
import type { SendingPolicy } from '../../../schema/db/tables/sending.js';
import { bind, statement, type Reader } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';

/** How an organization's mailings are sent, with nothing left open. */
export type Policy = {
  /** Mails an hour; null: as fast as the server can. */
  perHour: number | null;
  /** Mails on the first day of a sender's domain, on the second, and so on; null: no warm-up. */
  warmUp: number[] | null;
  breaker: Required<NonNullable<SendingPolicy['breaker']>>;
};

export const USUAL: Policy = {
  perHour: null,
  warmUp: null,
  breaker: { bounces: 5, complaints: 0.1, unsubscribes: 2, after: 100 },
};

const policyOf = statement('sending_policy', ({ db, tables: { sendingPolicies: t } }: Reader) =>
  db
    .select({ policy: t.policy })
    .from(t)
    .where(eq(t.organizationKey, bind(t.organizationKey, 'organizationKey'))),
);

export async function readPolicy(on: Reader, organizationKey: number): Promise<Policy> {
  const [row] = await policyOf(on, { organizationKey });
  const { perHour = USUAL.perHour, warmUp = USUAL.warmUp, breaker } = row?.policy ?? {};
  return { perHour, warmUp, breaker: { ...USUAL.breaker, ...breaker } };
}

export const getPolicy = (on: Reader, { organizationKey }: KeyedActor): Promise<Policy> =>
  readPolicy(on, organizationKey);

/** Replaces the policy of the actor's organization; what is absent is as usual. It holds from the next batch on. */
export const replacePolicy = (
  ctx: Context,
  { organizationKey }: KeyedActor,
  policy: SendingPolicy,
): Promise<Policy> =>
  ctx.store.transact(async (tx) => {
    const { sendingPolicies: t } = tx.tables;
    await tx.db
      .insert(t)
      .values({ organizationKey, policy, updatedAt: tx.now })
      .onConflictDoUpdate({ target: t.organizationKey, set: { policy, updatedAt: tx.now } });
    return readPolicy(tx, organizationKey);
  });
