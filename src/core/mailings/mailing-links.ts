import { and, asc, eq, gt, inArray } from 'drizzle-orm';
import type { Frequency } from '../../../schema/db/tables/subscriptions.js';
import { ApiError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { decodeCursor, pageOf, type Page } from '../cursor.js';
import type { PageRequest } from '../cursor.js';
import { getMailing, type MailingView } from './mailings.js';
import { linkSigner, type PersonalLinks } from './personal-links.js';

/** The links that an organization's mailer needs for one subscriber. */
export type MailingLink = PersonalLinks & {
  subscriptionId: string;
  email: string;
  frequency: Frequency;
  locale: string | null;
  /**
   * The page of the mailing's petition, with token and source; null: the mailing has no petition, or the petition no
   * page.
   */
  petitionUrl: string | null;
};

/**
 * Personal links for a page of the organization's active subscribers, oldest subscription first. Addresses that must
 * not be mailed are left out, so a page may be shorter than its limit. Throws `mailing_not_found`, `invalid_cursor`.
 */
export async function listMailingLinks(
  ctx: Context,
  actor: KeyedActor,
  mailingId: string,
  page: PageRequest,
): Promise<Page<MailingLink>> {
  const on = ctx.store.read;
  const mailing = await getMailing(on, actor, mailingId);
  const { items, nextCursor } = await activePage(on, mailing, page);
  const blocked = await blockedOf(ctx, items);
  const toLink = await linkMaker(ctx, mailing, actor.test ? await testEmailOf(on, actor) : null);
  return { items: items.filter(({ key }) => !blocked.has(key)).map(toLink), nextCursor };
}

async function activePage(on: Reader, { publicId, organizationKey }: MailingView, page: PageRequest) {
  const { limit, cursor } = page;
  const list = `mailing-links:${publicId}`;
  const [after] = decodeCursor(list, cursor, [0]) ?? [];
  const { subscriptions: t, supporters } = on.tables;
  const rows = await on.db
    .select({
      key: t.key,
      publicId: t.publicId,
      handle: t.handle,
      frequency: t.frequency,
      locale: t.locale,
      identity: supporters.identity,
      email: supporters.delivery,
      epoch: supporters.linkEpoch,
    })
    .from(t)
    .innerJoin(supporters, eq(supporters.key, t.supporterKey))
    .where(
      and(
        eq(t.organizationKey, organizationKey),
        eq(t.status, 'active'),
        after === undefined ? undefined : gt(t.key, after),
      ),
    )
    .orderBy(asc(t.key))
    .limit(limit + 1);
  return pageOf(list, rows, limit, (row) => [row.key]);
}

type Subscriber = Awaited<ReturnType<typeof activePage>>['items'][number];

/**
 * The subscriptions that must not be mailed. They are found by keyed hash, which the database itself cannot compute.
 */
async function blockedOf(ctx: Context, rows: Subscriber[]): Promise<Set<number>> {
  const { doNotContact: t } = ctx.store.tables;
  const keys = new Map(
    rows.map(({ key, identity }) => [ctx.secrets.subject(identity).toString('base64'), key]),
  );
  const hashes = [...keys.keys()].map((text) => Buffer.from(text, 'base64'));
  const found = await ctx.store.read.db.select({ hash: t.hash }).from(t).where(inArray(t.hash, hashes));
  return new Set(found.flatMap(({ hash }) => keys.get(hash.toString('base64')) ?? []));
}

/** Mailings of tests go to the mailbox for tests, too. */
async function testEmailOf(on: Reader, { organizationKey }: KeyedActor): Promise<string> {
  const { organizations: t } = on.tables;
  const [row] = await on.db.select({ testEmail: t.testEmail }).from(t).where(eq(t.key, organizationKey));
  if (!row?.testEmail) {
    throw new ApiError('do_not_contact', {
      detail: 'Set `test_email` of your organization: mails of tests go there.',
    });
  }
  return row.testEmail;
}

async function linkMaker(
  ctx: Context,
  mailing: MailingView,
  testEmail: string | null,
): Promise<(to: Subscriber) => MailingLink> {
  const linksOf = await linkSigner(ctx);
  const { petitionSlug: slug, pageUrl, source } = mailing;
  const page = slug === null ? null : ctx.links.petition({ slug, pageUrl });
  return ({ publicId, email, frequency, locale, ...to }) => {
    const links = linksOf(to, mailing.handle);
    return {
      subscriptionId: publicId,
      email: testEmail ?? email,
      frequency,
      locale,
      ...links,
      petitionUrl: page && petitionUrl(page, links.recogniseToken, source),
    };
  };
}

/** The page of a petition, with the reader's token, if there is one, and the source of the mailing. */
export function petitionUrl(pageUrl: string, token: string | null, source: string | null): string {
  const url = new URL(pageUrl);
  if (token !== null) url.searchParams.set('r', token);
  if (source !== null) url.searchParams.set('source', source);
  return url.href;
}
