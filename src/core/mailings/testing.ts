import { and, count, eq, gt, inArray } from 'drizzle-orm';
import { ApiError, invalidBody, tooMany } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import { HOUR_MS } from '../../time.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { parseEmail } from '../email.js';
import { once, type Retry } from '../idempotency.js';
import { queueMail } from '../mail/outbox.js';
import { getMailing } from './mailings.js';
import { variantsOf } from './variants.js';

/*
 * Tests of a mailing go to the organization's own people, who are subscribed to it like everybody else: so nobody gets
 * one who has not agreed to its mails, and they can leave by the links in it.
 */

/** For one organization in a day. */
const MOST_TESTS = 200;

export type TestRequest = {
  to: string[];
  variantIds?: string[] | undefined;
  locale?: string | undefined;
};

/**
 * Queues a test of each variant to each address. Throws `mailing_not_found`, `mailing_not_ready`, `variant_not_found`,
 * `invalid_body` for an address that is not subscribed, `rate_limited`, `idempotency_key_reused`.
 */
export async function testMailing(
  ctx: Context,
  actor: KeyedActor,
  mailingId: string,
  { to, variantIds, locale }: TestRequest,
  retry?: Retry,
): Promise<{ queued: number }> {
  const queued = await ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const mailing = await getMailing(tx, actor, mailingId);
      if (mailing.content === null) {
        throw new ApiError('mailing_not_ready', { detail: 'It has no content: write `texts` first.' });
      }
      const all = await variantsOf(tx, mailing.key);
      const variants = all.filter(({ publicId }) => variantIds?.includes(publicId) ?? true);
      if (variantIds && variants.length < variantIds.length) throw new ApiError('variant_not_found');
      const people = await subscribersOf(tx, actor, to);
      await assertFew(tx, actor, people.length * variants.length);
      const { organizationKey } = actor;
      for (const { supporterKey, subscriptionKey } of people) {
        for (const { key: variantKey } of variants) {
          const about = { organizationKey, subscriptionKey, variantKey, locale: locale ?? null };
          await queueMail(tx, 'mailing_test', supporterKey, about);
        }
      }
      return people.length * variants.length;
    }),
  );
  ctx.mailWaits();
  return { queued };
}

/** The active subscriptions of these addresses, each person once. Throws `invalid_body` if one has none. */
async function subscribersOf(on: Reader, { organizationKey }: KeyedActor, to: readonly string[]) {
  const { subscriptions: t, supporters: s } = on.tables;
  const identities = to.map((address) => parseEmail(address)?.identity ?? '');
  const rows = await on.db
    .select({ identity: s.identity, supporterKey: s.key, subscriptionKey: t.key })
    .from(t)
    .innerJoin(s, eq(s.key, t.supporterKey))
    .where(
      and(eq(t.organizationKey, organizationKey), eq(t.status, 'active'), inArray(s.identity, identities)),
    );
  const missing = identities.flatMap((one, i) =>
    rows.some(({ identity }) => identity === one)
      ? []
      : [
          {
            pointer: `/to/${i}`,
            code: 'not_subscribed',
            detail:
              'This address is no active subscriber of yours: tests go only to people who have subscribed.',
          },
        ],
  );
  if (missing.length > 0) throw invalidBody(...missing);
  return rows;
}

async function assertFew(tx: Tx, { organizationKey }: KeyedActor, more: number): Promise<void> {
  const { outbox: t } = tx.tables;
  const since = new Date(tx.now.getTime() - 24 * HOUR_MS);
  const [row] = await tx.db
    .select({ mails: count() })
    .from(t)
    .where(and(eq(t.organizationKey, organizationKey), eq(t.kind, 'mailing_test'), gt(t.createdAt, since)));
  if ((row?.mails ?? 0) + more > MOST_TESTS) throw tooMany(HOUR_MS / 1000);
}
