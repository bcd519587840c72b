import { and, desc, eq, isNotNull } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import type { World } from '../email.js';
import { countLeaving, mailingOfHandle } from '../counts/mailing-counts.js';
import { linkNotFound } from '../links/random-tokens.js';
import { linkedSubscription, verify, type SignedPurpose } from '../links/signed-tokens.js';
import { insertRequest } from '../mail/confirmation-requests.js';
import { queueMail } from '../mail/outbox.js';
import { findLead, type Lead } from '../petitions/lead.js';
import { findSupporter } from '../supporters/supporters.js';
import { endSubscription } from './subscriptions.js';

/* Leaving lists: by a link, or by a mail that is requested with an address. */

/** The two kinds of unsubscribe links, by their prefix. */
const PURPOSES: Record<string, SignedPurpose> = { pu: 'unsubscribe_header', pb: 'unsubscribe_footer' };
const purposeOf = (token: string): SignedPurpose =>
  PURPOSES[token.slice(0, token.indexOf('_'))] ?? 'unsubscribe_header';

/**
 * Ends the subscription of a link, and no other, and counts that for the mailing with the link. A repeat changes nothing;
 * returning takes nothing back from the count. If it was active, the subscriber gets one mail with a link to return, but
 * never after a complaint. Throws `link_not_found`.
 */
export async function unsubscribeByLink(ctx: Context, token: string): Promise<void> {
  const purpose = purposeOf(token);
  const leave = async (tx: Tx) => {
    const claims = await verify(ctx, tx, purpose, token, tx.now);
    const linked = claims && (await linkedSubscription(tx, purpose, claims));
    if (!linked) throw linkNotFound();
    const { subscriptions: t, supporters } = tx.tables;
    const [found] = await tx.db
      .select({ subscription: t, identity: supporters.identity })
      .from(t)
      .innerJoin(supporters, eq(supporters.key, t.supporterKey))
      .where(eq(t.key, linked.key));
    if (!found) throw linkNotFound();
    const subject = ctx.secrets.subject(found.identity);
    const ended = await endSubscription(ctx, tx, found.subscription, {
      status: 'unsubscribed',
      action: 'withdrawn',
      origin: purpose === 'unsubscribe_header' ? 'one_click' : 'page',
      subject,
    });
    if (!ended) return;
    if (linked.status === 'active') await offerWayBack(tx, found.subscription);
    const mailing = claims.mailing && (await mailingOfHandle(tx, claims.mailing, linked.organizationKey));
    if (mailing) await countLeaving(tx, mailing, linked.key);
  };
  await ctx.store.transact(leave, { urgent: true });
  ctx.mailWaits();
}

type Ended = { key: number; organizationKey: number; supporterKey: number; locale: string | null };

/** Returning takes a new consent: to the text that is shown, and confirmed by the mailbox. */
async function offerWayBack(tx: Tx, subscription: Ended): Promise<void> {
  const { organizationKey, supporterKey, key: subscriptionKey } = subscription;
  const { consents: t, organizations } = tx.tables;
  const [agreed] = await tx.db
    .select({ consentTextKey: t.consentTextKey })
    .from(t)
    .where(
      and(
        eq(t.supporterKey, supporterKey),
        eq(t.organizationKey, organizationKey),
        eq(t.action, 'granted'),
        isNotNull(t.consentTextKey),
      ),
    )
    .orderBy(desc(t.key))
    .limit(1);
  if (!agreed || agreed.consentTextKey === null) return;
  const [organization] = await tx.db
    .select({ locale: organizations.locale })
    .from(organizations)
    .where(eq(organizations.key, organizationKey));
  const locale = subscription.locale ?? organization?.locale ?? 'en';
  const optIns = [{ organizationKey, consentTextKey: agreed.consentTextKey }];
  const requestKey = await insertRequest(tx, {
    kind: 'subscription',
    supporterKey,
    optIns,
    origin: 'undo',
    locale,
  });
  await queueMail(tx, 'unsubscribed', supporterKey, { requestKey, organizationKey, subscriptionKey, locale });
}

/**
 * Queues a mail to a typed address with links to leave one organization's list, or all lists. The caller must not learn
 * whether the address is known. `world`: where to look without an organization.
 */
export async function unsubscribeByAddress(
  ctx: Context,
  email: string,
  { organizationId, locale }: { organizationId?: string | undefined; locale?: string | undefined },
  world: World = null,
): Promise<void> {
  await ctx.store.transact(async (tx) => {
    const { organizations: t } = tx.tables;
    const [organization] =
      organizationId === undefined
        ? []
        : await tx.db.select({ key: t.key, testOf: t.testOf }).from(t).where(eq(t.publicId, organizationId));
    const there = organization ? (organization.testOf === null ? null : organization.key) : world;
    const supporter = await findSupporter(tx, there, email);
    // An unknown address must take as long as a known one.
    const known = organizationId === undefined || organization ? supporter?.key : undefined;
    await queueMail(tx, 'unsubscribe_links', known ?? null, {
      organizationKey: organization?.key ?? null,
      locale: locale ?? null,
    });
  });
  ctx.mailWaits();
}

/**
 * The organization whose list a link would leave, and whether it was left already, for the page behind the link. Changes
 * nothing. Undefined for every link that does not work.
 */
export async function readList(
  ctx: Context,
  token: string,
): Promise<{ lead: Lead; left: boolean } | undefined> {
  const on = ctx.store.read;
  const purpose = purposeOf(token);
  const claims = await verify(ctx, on, purpose, token, ctx.now());
  const linked = claims && (await linkedSubscription(on, purpose, claims));
  if (!linked) return undefined;
  const lead = await findLead(on, linked);
  return { lead, left: linked.status === 'unsubscribed' || linked.status === 'suppressed' };
}
