import { and, eq } from 'drizzle-orm';
import { signer } from '../links/signed-tokens.js';
import { mailingByKey } from '../mailings/mailings.js';
import { onlyVariant, recipientWhere } from '../mailings/previewing.js';
import { sourceOf } from '../mailings/reading-source.js';
import { dayOf } from '../../time.js';
import type { Draft, Drop, Plan } from './draft.js';

/** A test of a mailing, as its subscriber would get it. The links to leave the list work; nothing is counted. */
export async function mailingTest({ ctx, tx, mail, supporter }: Draft): Promise<Plan | Drop> {
  const { subscriptions: s, mailingVariants: v } = tx.tables;
  const [subscription] =
    mail.subscriptionKey === null
      ? []
      : await tx.db
          .select({ handle: s.handle })
          .from(s)
          .where(and(eq(s.key, mail.subscriptionKey), eq(s.status, 'active')));
  if (!subscription) return { drop: 'not_subscribed' };
  const [variant] =
    mail.variantKey === null ? [] : await tx.db.select().from(v).where(eq(v.key, mail.variantKey));
  const mailing = variant && (await mailingByKey(tx, variant.mailingKey));
  const recipient = await recipientWhere(tx, eq(s.key, mail.subscriptionKey as number));
  if (!variant || !mailing?.content || !recipient) return { drop: 'mailing_changed' };
  const source = await sourceOf(ctx, tx, mailing);
  const locale = mail.locale ?? recipient.locale ?? source.organization.locale;
  return {
    template: 'mailing_test',
    locale,
    organizationKey: mail.organizationKey,
    async fill() {
      const claims = { epoch: supporter.linkEpoch, day: dayOf(tx.now), handle: subscription.handle };
      const header = await signer(ctx, tx, 'unsubscribe_header');
      const footer = await signer(ctx, tx, 'unsubscribe_footer');
      const links = {
        petition: source.petition?.url ?? '',
        unsubscribe: ctx.links.to('unsubscribe', footer(claims)),
        oneClick: ctx.links.oneClick(header(claims)),
        manage: ctx.links.manage,
      };
      const preview = { source: onlyVariant(source, variant.key), variantId: variant.publicId };
      return { mailing: { ...preview, recipient: { ...recipient, locale }, links } };
    },
  };
}
