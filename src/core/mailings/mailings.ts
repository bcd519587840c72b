import { and, desc, eq, getTableColumns, lt } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { MailingState } from '../../../schema/db/tables/mailings.js';
import { ApiError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import { speaksFor, type KeyedActor } from '../actor.js';
import { decodeCursor, pageOf, type Page } from '../cursor.js';
import type { PageRequest } from '../cursor.js';
import { variantsOf, type MailingVariantRow } from './variants.js';

type MailingRow = Tables['mailings']['$inferSelect'];

/** A mailing, with what its links need from its petition. */
export type MailingView = MailingRow & {
  petitionId: string | null;
  petitionSlug: string | null;
  pageUrl: string | null;
};

const selectViews = ({ db, tables: { mailings: t, petitions } }: Reader) =>
  db
    .select({
      ...getTableColumns(t),
      petitionId: petitions.publicId,
      petitionSlug: petitions.slug,
      pageUrl: petitions.pageUrl,
    })
    .from(t)
    .leftJoin(petitions, eq(petitions.key, t.petitionKey));

/** The mailings of the actor's organization, latest first. Throws `invalid_cursor`. */
export async function listMailings(
  on: Reader,
  { organizationKey }: KeyedActor,
  { state }: { state?: MailingState | undefined },
  { limit, cursor }: PageRequest,
): Promise<Page<MailingView>> {
  const list = `mailings:${organizationKey}:${state ?? ''}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const { mailings: t } = on.tables;
  const rows = await selectViews(on)
    .where(
      and(
        eq(t.organizationKey, organizationKey),
        state === undefined ? undefined : eq(t.state, state),
        before === undefined ? undefined : lt(t.key, before),
      ),
    )
    .orderBy(desc(t.key))
    .limit(limit + 1);
  return pageOf(list, rows, limit, (row) => [row.key]);
}

/** A mailing of any organization. */
export async function findMailing(on: Reader, publicId: string): Promise<MailingView | undefined> {
  const [row] = await selectViews(on).where(eq(on.tables.mailings.publicId, publicId));
  return row;
}

/** A mailing of the actor's organization. Throws `mailing_not_found`. */
export async function getMailing(on: Reader, actor: KeyedActor, publicId: string): Promise<MailingView> {
  const row = await findMailing(on, publicId);
  if (!row || !speaksFor(actor, row.organizationKey)) throw new ApiError('mailing_not_found');
  return row;
}

/** A mailing with its wordings. */
export type WholeMailing = MailingView & { variants: MailingVariantRow[] };

/** A mailing of the actor's organization with its wordings. Throws `mailing_not_found`. */
export async function getWholeMailing(
  on: Reader,
  actor: KeyedActor,
  publicId: string,
): Promise<WholeMailing> {
  const mailing = await getMailing(on, actor, publicId);
  return { ...mailing, variants: await variantsOf(on, mailing.key) };
}

/** A mailing by its key, whoever asks. */
export async function mailingByKey(on: Reader, key: number): Promise<MailingView | undefined> {
  const [row] = await selectViews(on).where(eq(on.tables.mailings.key, key));
  return row;
}

/** The language of a mailing: its default, else that of its petition, else of its organization. */
export async function localeOfMailing(
  on: Reader,
  { content, petitionKey, organizationKey }: Pick<MailingRow, 'content' | 'petitionKey' | 'organizationKey'>,
): Promise<string | null> {
  if (content?.defaultLocale != null) return content.defaultLocale;
  const { organizations: o, petitions: p } = on.tables;
  const [row] =
    petitionKey === null
      ? await on.db.select({ locale: o.locale }).from(o).where(eq(o.key, organizationKey))
      : await on.db.select({ locale: p.locale }).from(p).where(eq(p.key, petitionKey));
  return row?.locale ?? null;
}
