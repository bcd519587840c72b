import { and, desc, eq, inArray, lt } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Frequency } from '../../../schema/db/tables/subscriptions.js';
import { ApiError, invalidBody } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { decodeCursor, pageOf, type Page } from '../cursor.js';
import type { PageRequest } from '../cursor.js';
import { isBlocked } from '../mail/do-not-contact.js';
import type { Session } from '../session.js';
import { activateSubscription, endSubscription, type Subscription } from '../subscriptions/subscriptions.js';
import { readMe } from './me.js';

type OrganizationRow = Tables['organizations']['$inferSelect'];
type TextRow = Tables['consentTexts']['$inferSelect'];

/** A subscription as its subscriber sees it, with the consent text to agree to for resubscribing. */
export type MySubscription = {
  subscription: Subscription;
  organization: Pick<OrganizationRow, 'key' | 'publicId' | 'slug' | 'name' | 'url' | 'locale'>;
  consentText: Pick<TextRow, 'publicId' | 'text' | 'locale'> | null;
};

const selectMine = ({ db, tables: { subscriptions, organizations: t } }: Reader) =>
  db
    .select({
      subscription: subscriptions,
      organization: {
        key: t.key,
        publicId: t.publicId,
        slug: t.slug,
        name: t.name,
        url: t.url,
        locale: t.locale,
      },
    })
    .from(subscriptions)
    .innerJoin(t, eq(t.key, subscriptions.organizationKey));

/** The supporter's subscriptions, whatever their status, latest first. Throws `invalid_cursor`. */
export async function listMySubscriptions(
  on: Reader,
  { supporterKey }: Session,
  { limit, cursor }: PageRequest,
): Promise<Page<MySubscription>> {
  const list = `me:subscriptions:${supporterKey}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const { subscriptions: t } = on.tables;
  const rows = await selectMine(on)
    .where(and(eq(t.supporterKey, supporterKey), before === undefined ? undefined : lt(t.key, before)))
    .orderBy(desc(t.key))
    .limit(limit + 1);
  const { items, nextCursor } = pageOf(list, rows, limit, ({ subscription }) => [subscription.key]);
  return { items: await withTexts(on, items), nextCursor };
}

/**
 * Adds each organization's latest consent text: in the language of the subscription, else of the organization, else
 * any.
 */
async function withTexts(on: Reader, mine: Omit<MySubscription, 'consentText'>[]): Promise<MySubscription[]> {
  const { consentTexts: t } = on.tables;
  const keys = mine.map(({ organization }) => organization.key);
  const texts = await on.db
    .select()
    .from(t)
    .where(inArray(t.organizationKey, keys))
    .orderBy(desc(t.version), desc(t.key));
  return mine.map((one) => {
    const theirs = texts.filter(({ organizationKey }) => organizationKey === one.organization.key);
    const inLocale = (locale: string | null) => theirs.find((text) => text.locale === locale);
    const { subscription, organization } = one;
    const consentText = inLocale(subscription.locale) ?? inLocale(organization.locale) ?? theirs[0] ?? null;
    return { ...one, consentText };
  });
}

export type MySubscriptionPatch = {
  status?: 'active' | 'unsubscribed';
  /** The consent text that was agreed to: resubscribing needs a fresh consent. */
  consentTextId?: string;
  frequency?: Frequency;
  locale?: string | null;
};

/**
 * Unsubscribes, resubscribes, or changes frequency and language. Throws `subscription_not_found`, `consent_required`,
 * `do_not_contact`, `invalid_session`, and `invalid_body` for another organization's consent text.
 */
export function patchMySubscription(
  ctx: Context,
  session: Session,
  publicId: string,
  { status, consentTextId, ...preferences }: MySubscriptionPatch,
): Promise<MySubscription> {
  const patch = async (tx: Tx) => {
    const { identity } = await readMe(tx, session);
    const subject = ctx.secrets.subject(identity);
    const { subscription } = await findMine(tx, session, publicId);
    if (Object.keys(preferences).length > 0) {
      const { subscriptions: t } = tx.tables;
      await tx.db.update(t).set(preferences).where(eq(t.key, subscription.key));
    }
    if (status === 'active') await comeBack(ctx, tx, subscription, subject, consentTextId);
    if (status === 'unsubscribed') {
      const ending = { status, action: 'withdrawn', origin: 'self_service', subject } as const;
      await endSubscription(ctx, tx, subscription, ending);
    }
    const [mine] = await withTexts(tx, [await findMine(tx, session, publicId)]);
    return mine as MySubscription;
  };
  return ctx.store.transact(patch, { urgent: status === 'unsubscribed' });
}

async function findMine(on: Reader, { supporterKey }: Session, publicId: string) {
  const { subscriptions: t } = on.tables;
  const [row] = await selectMine(on).where(and(eq(t.publicId, publicId), eq(t.supporterKey, supporterKey)));
  if (!row) throw new ApiError('subscription_not_found');
  return row;
}

async function comeBack(
  ctx: Context,
  tx: Tx,
  { status, organizationKey, supporterKey }: Subscription,
  subject: Buffer,
  consentTextId: string | undefined,
): Promise<void> {
  if (consentTextId === undefined) {
    if (status === 'active') return;
    throw new ApiError('consent_required', {
      detail: 'Show consent_text, and send its id as consent_text_id when it was agreed to.',
    });
  }
  const { consentTexts: t } = tx.tables;
  const [text] = await tx.db
    .select({ key: t.key })
    .from(t)
    .where(and(eq(t.publicId, consentTextId), eq(t.organizationKey, organizationKey)));
  if (!text) {
    const detail = 'Use a text of this organization, such as the id in consent_text.';
    throw invalidBody({ pointer: '/consent_text_id', code: 'unknown', detail });
  }
  if (status === 'suppressed' || (await isBlocked(tx, subject))) {
    throw new ApiError('do_not_contact', { detail: 'Mail to this address was refused or complained about.' });
  }
  await activateSubscription(ctx, tx, {
    organizationKey,
    supporterKey,
    subject,
    consentTextKey: text.key,
    origin: 'self_service',
  });
}
