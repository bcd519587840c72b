import { and, eq, type SQL } from 'drizzle-orm';
import { ApiError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { firstNameOf } from '../names.js';
import { knownPeople } from '../signatures/known-people.js';
import { getMailing } from './mailings.js';
import { sourceOf } from './reading-source.js';
import type { MailingSource } from './source.js';
import { variantsOf } from './variants.js';

export type PreviewRequest = {
  variantId?: string | undefined;
  locale?: string | undefined;
  subscriptionId?: string | undefined;
  person?: 'example' | 'unnamed' | undefined;
};

/** What is known of a recipient. */
export type Recipient = {
  firstName: string | null;
  name: string | null;
  email: string;
  country: string | null;
  /** Null: not known. */
  locale: string | null;
};

/** A mailing with one variant of it, and the person for whom it is shown. */
export type Preview = {
  source: MailingSource;
  variantId: string;
  recipient: Recipient;
  links: RecipientLinks;
};
export type RecipientLinks = { petition: string; unsubscribe: string; oneClick: string; manage: string };

const EXAMPLE: Omit<Recipient, 'locale'> = {
  firstName: 'Katy',
  name: 'Katy Example',
  email: 'katy@example.org',
  country: 'NL',
};
const UNNAMED: Omit<Recipient, 'locale'> = { ...EXAMPLE, firstName: null, name: null, country: null };

/**
 * What a preview shows. Its links to unsubscribe are examples that do nothing, and the others are the same for everybody,
 * so that it can be passed around. Throws
 * `mailing_not_found`, `mailing_not_ready`, `variant_not_found`, `subscription_not_found`, `scope_required`.
 */
export async function previewMailing(
  ctx: Context,
  actor: KeyedActor,
  mailingId: string,
  { variantId, locale, subscriptionId, person = 'example' }: PreviewRequest,
): Promise<Preview> {
  if (subscriptionId !== undefined && !actor.scopes.includes('subscriptions:read')) {
    throw new ApiError('scope_required', {
      detail: 'A subscriber is shown to keys with the scope subscriptions:read.',
    });
  }
  const on = ctx.store.read;
  const mailing = await getMailing(on, actor, mailingId);
  const source = await sourceOf(ctx, on, mailing);
  const rows = await variantsOf(on, mailing.key);
  const row = variantId === undefined ? rows[0] : rows.find(({ publicId }) => publicId === variantId);
  if (!row) throw new ApiError('variant_not_found');
  const known =
    subscriptionId === undefined
      ? { ...(person === 'unnamed' ? UNNAMED : EXAMPLE), locale: null }
      : await subscriber(on, actor, subscriptionId);
  return {
    source: onlyVariant(source, row.key),
    variantId: row.publicId,
    recipient: { ...known, locale: locale ?? known.locale },
    links: exampleLinks(ctx, source),
  };
}

/** One variant alone. Its links lead straight to where they lead in the end: nothing is counted before the start. */
export const onlyVariant = (source: MailingSource, variantKey: number): MailingSource => ({
  ...source,
  countClicks: false,
  variants: source.variants.filter(({ key }) => key === variantKey),
});

const exampleLinks = ({ links }: Context, { petition }: MailingSource): RecipientLinks => ({
  petition: petition?.url ?? '',
  unsubscribe: links.to('unsubscribe', 'example'),
  oneClick: links.oneClick('example'),
  manage: links.manage,
});

async function subscriber(
  on: Reader,
  { organizationKey }: Pick<KeyedActor, 'organizationKey'>,
  publicId: string,
): Promise<Recipient> {
  const { subscriptions: t } = on.tables;
  const row = await recipientWhere(on, and(eq(t.publicId, publicId), eq(t.organizationKey, organizationKey)));
  if (!row) throw new ApiError('subscription_not_found');
  return row;
}

/** With what the mail to them will say: what the organization itself knows. */
export async function recipientWhere(on: Reader, isOne: SQL | undefined): Promise<Recipient | undefined> {
  const { subscriptions: t, supporters: s } = on.tables;
  const [row] = await on.db
    .select({
      organizationKey: t.organizationKey,
      supporterKey: s.key,
      email: s.delivery,
      locale: t.locale,
    })
    .from(t)
    .innerJoin(s, eq(s.key, t.supporterKey))
    .where(isOne);
  if (!row) return undefined;
  const { organizationKey, supporterKey, email, locale } = row;
  const { givenName, ...known } = (await knownPeople(on, organizationKey, [supporterKey]))(supporterKey);
  return { ...known, firstName: firstNameOf({ ...known, givenName, locale }), email, locale };
}
