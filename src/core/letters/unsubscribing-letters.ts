import { and, eq, inArray } from 'drizzle-orm';
import { SUBSCRIPTION_LIFETIME_MS } from '../links/random-tokens.js';
import { signer } from '../links/signed-tokens.js';
import { readRequest } from '../mail/confirmation-requests.js';
import { openOptIns } from '../subscriptions/opt-ins.js';
import type { Draft, Drop, Plan } from './draft.js';
import { tokenFor, wordsOf } from './letter-parts.js';
import { HOUR_MS, dayOf } from '../../time.js';

/** Mails the links to leave the lists that the mailbox is on. */
export async function unsubscribeLinks({ ctx, tx, mail, supporter }: Draft): Promise<Plan | Drop> {
  const { subscriptions: t, organizations } = tx.tables;
  const rows = await tx.db
    .select({ handle: t.handle, organization: organizations.name })
    .from(t)
    .innerJoin(organizations, eq(organizations.key, t.organizationKey))
    .where(
      and(
        eq(t.supporterKey, supporter.key),
        inArray(t.status, ['active', 'pending']),
        mail.organizationKey === null ? undefined : eq(t.organizationKey, mail.organizationKey),
      ),
    )
    .limit(50);
  if (rows.length === 0) return { drop: 'not_subscribed' };
  return {
    template: 'unsubscribe_links',
    locale: mail.locale ?? 'en',
    organizationKey: mail.organizationKey,
    async fill() {
      const sign = await signer(ctx, tx, 'unsubscribe_footer');
      const claims = { epoch: supporter.linkEpoch, day: dayOf(tx.now) };
      return {
        subscriptions: rows.map(({ handle, organization }) => ({
          organization,
          link: ctx.links.to('unsubscribe', sign({ ...claims, handle })),
        })),
      };
    },
  };
}

/**
 * After leaving a list: a link to return, for supporters whom a mail scanner or a recipient of a forwarded mail
 * unsubscribed.
 */
export async function unsubscribed(draft: Draft): Promise<Plan | Drop> {
  const { ctx, tx, mail, supporter } = draft;
  const request = mail.requestKey === null ? undefined : await readRequest(tx, mail.requestKey);
  if (!request || request.confirmedAt || request.refusedAt) return { drop: 'nothing_to_confirm' };
  const optIns = await openOptIns(tx, supporter.key, request.optIns);
  if (optIns.length === 0) return { drop: 'nothing_to_confirm' };
  return {
    template: 'unsubscribed',
    locale: request.locale,
    organizationKey: mail.organizationKey,
    async fill() {
      const token = await tokenFor(draft, 'confirm', {
        requestKey: request.key,
        lifetimeMs: SUBSCRIPTION_LIFETIME_MS,
      });
      const hours = SUBSCRIPTION_LIFETIME_MS / HOUR_MS;
      return { link: ctx.links.to('confirm', token), opt_ins: await wordsOf(tx, optIns), hours };
    },
  };
}
