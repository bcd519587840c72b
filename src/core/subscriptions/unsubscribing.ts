import { and, desc, eq, isNotNull } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { parseEmail } from '../email.js';
import { linkNotFound } from '../links/random-tokens.js';
import { linkedSubscription, verify, type SignedPurpose } from '../links/signed-tokens.js';
import { insertRequest } from '../mail/confirmation-requests.js';
import { queueMail } from '../mail/outbox.js';
import { findSupporterByIdentity } from '../supporters/supporters.js';
import { endSubscription } from './subscriptions.js';

/** Both links off a list, by how they begin. */
const PURPOSES: Record<string, SignedPurpose> = { pu: 'unsubscribe_header', pb: 'unsubscribe_footer' };
const purposeOf = (token: string): SignedPurpose =>
  PURPOSES[token.slice(0, token.indexOf('_'))] ?? 'unsubscribe_header';

/**
 * Takes the subscription that a link names off its list, and nothing else. A repeat changes nothing. Whoever was
 * subscribed gets one mail with a way back; nobody does after a complaint. Throws `link_not_found`.
 */
export async function unsubscribeByLink(ctx: Context, token: string): Promise<void> {
  const purpose = purposeOf(token);
  const leave = async (tx: Tx) => {
    const claims = await verify(ctx, tx, purpose, token, tx.now);
    const linked = claims && (await linkedSubscription(tx, claims));
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
    if (ended && linked.status === 'active') await offerWayBack(tx, found.subscription);
  };
  await ctx.store.transact(leave, { urgent: true });
  ctx.mailWaits();
}

type Ended = { key: number; organizationKey: number; supporterKey: number; locale: string | null };

/** Coming back is a consent like the first: to words that are shown, and only from the mailbox. */
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

/** Mails the links off the lists to an address that was typed: of one organization, or of all. It tells nothing. */
export async function unsubscribeByAddress(
  ctx: Context,
  email: string,
  { organizationId, locale }: { organizationId?: string | undefined; locale?: string | undefined },
): Promise<void> {
  const identity = parseEmail(email)?.identity;
  await ctx.store.transact(async (tx) => {
    const supporter = identity === undefined ? undefined : await findSupporterByIdentity(tx, identity);
    const { organizations: t } = tx.tables;
    const [organization] =
      organizationId === undefined
        ? []
        : await tx.db.select({ key: t.key }).from(t).where(eq(t.publicId, organizationId));
    // An address that nobody has takes as long as one that somebody has.
    const known = organizationId === undefined || organization ? supporter?.key : undefined;
    await queueMail(tx, 'unsubscribe_links', known ?? null, {
      organizationKey: organization?.key ?? null,
      locale: locale ?? null,
    });
  });
  ctx.mailWaits();
}

/** Whose list a link leaves, for the page behind it. Changes nothing. Undefined for every link that does not work. */
export async function readList(ctx: Context, token: string): Promise<{ organization: string } | undefined> {
  const on = ctx.store.read;
  const claims = await verify(ctx, on, purposeOf(token), token, ctx.now());
  const linked = claims && (await linkedSubscription(on, claims));
  if (!linked) return undefined;
  const { organizations: t } = on.tables;
  const [row] = await on.db.select({ organization: t.name }).from(t).where(eq(t.key, linked.organizationKey));
  return row;
}
