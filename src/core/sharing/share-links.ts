import { and, asc, desc, eq, inArray, lt, sql, type Column } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Network } from '../../../schema/db/tables/sharing.js';
import { ApiError } from '../../errors.js';
import { bind, statement, type Reader } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import { decodeCursor, pageOf, type Page } from '../cursor.js';
import type { PageRequest } from '../cursor.js';
import { findSharedHead } from '../partners/partnerships.js';
import { takenDown } from '../petitions/petition-life.js';
import type { PetitionRow } from '../petitions/petition-rules.js';
import { either } from '../petitions/translated.js';
import type { Session } from '../session.js';
import { signedBy } from '../signed-by.js';

/* Reading share links, and what they have brought. */

type LinkRow = Tables['shareLinks']['$inferSelect'];

/** A share link with what it has brought, as sums only. */
export type ShareLink = Pick<LinkRow, 'key' | 'code' | 'source' | 'signatureKey' | 'createdAt'> & {
  petition: Pick<PetitionRow, 'publicId' | 'title' | 'status' | 'takedownReason'>;
  organizationId: string | null;
  variantId: string;
  network: Network;
  text: string | null;
  requests: number;
  clicks: number;
  conversions: number;
};

/** The columns of a link's figures: sums over its shards. */
export function shareSums({ shareCounts: c, shareLinks: t }: Tables) {
  const total = (column: Column) =>
    sql<number>`(select coalesce(sum(${column}), 0) from ${c} where ${c.shareLinkKey} = ${t.key})`.mapWith(
      Number,
    );
  return { requests: total(c.requests), clicks: total(c.clicks), conversions: total(c.conversions) };
}

const selectLinks = ({ db, tables }: Reader) => {
  const { shareLinks: t, shareVariants: v, petitions: p, organizations: o } = tables;
  const { petitionTranslations } = tables;
  return db
    .select({
      key: t.key,
      code: t.code,
      source: t.source,
      signatureKey: t.signatureKey,
      createdAt: t.createdAt,
      petition: {
        publicId: p.publicId,
        title: either(petitionTranslations.title, p.title),
        status: p.status,
        takedownReason: p.takedownReason,
      },
      organizationId: o.publicId,
      variantId: v.publicId,
      network: sql<Network>`${v.network}`,
      text: v.text,
      ...shareSums(tables),
    })
    .from(t)
    .innerJoin(v, eq(v.key, t.variantKey))
    .innerJoin(p, eq(p.key, t.petitionKey))
    .leftJoin(petitionTranslations, eq(petitionTranslations.key, t.translationKey))
    .leftJoin(o, eq(o.key, t.organizationKey));
};

const linkByCode = statement('share_link_by_code', (on: Reader) =>
  selectLinks(on).where(eq(on.tables.shareLinks.code, bind(on.tables.shareLinks.code, 'code'))),
);

/** The link with this code; visible to every caller. Throws `share_link_not_found`, `petition_taken_down`. */
export async function getShareLink(on: Reader, code: string): Promise<ShareLink> {
  const [link] = await linkByCode(on, { code });
  if (!link) throw new ApiError('share_link_not_found');
  if (link.petition.status === 'taken_down') throw takenDown(link.petition);
  return link;
}

const codeExists = statement('share_link_exists', ({ db, tables: { shareLinks: t } }: Reader) =>
  db
    .select({ key: t.key })
    .from(t)
    .where(eq(t.code, bind(t.code, 'code'))),
);

/** Throws `share_link_not_found` if there is no link with this code. */
export async function assertShareLink(on: Reader, code: string): Promise<void> {
  const [link] = await codeExists(on, { code });
  if (!link) throw new ApiError('share_link_not_found');
}

export type ShareLinkFilter = {
  network?: Network | undefined;
  organizationId?: string | undefined;
  source?: string | undefined;
};

/**
 * The links of a petition, latest first: all of them for its lead organization, its own for a partner. Throws
 * `petition_not_found`, `invalid_cursor`.
 */
export async function listShareLinks(
  on: Reader,
  actor: KeyedActor,
  petitionRef: string,
  { network, organizationId, source }: ShareLinkFilter,
  { limit, cursor }: PageRequest,
): Promise<Page<ShareLink>> {
  const petition = await findSharedHead(on, actor, petitionRef);
  const list = `share-links:${petition.key}:${network ?? ''}:${organizationId ?? ''}:${source ?? ''}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const { shareLinks: t, shareVariants: v, organizations: o } = on.tables;
  const leads = petition.organizationKey === actor.organizationKey;
  const rows = await selectLinks(on)
    .where(
      and(
        eq(t.petitionKey, petition.key),
        leads ? undefined : eq(t.organizationKey, actor.organizationKey),
        network === undefined ? undefined : eq(v.network, network),
        organizationId === undefined ? undefined : eq(o.publicId, organizationId),
        source === undefined ? undefined : eq(t.source, source),
        before === undefined ? undefined : lt(t.key, before),
      ),
    )
    .orderBy(desc(t.key))
    .limit(limit + 1);
  return pageOf(list, rows, limit, (row) => [row.key]);
}

/** A link as its signer sees it. */
export type MyShareLink = Pick<
  ShareLink,
  'code' | 'network' | 'source' | 'createdAt' | 'clicks' | 'conversions'
> & {
  petitionId: string;
};

/** The links of a supporter's signatures, oldest first. */
export async function listMyShareLinks(
  on: Reader,
  { supporterKey }: Session,
  most: number,
): Promise<MyShareLink[]> {
  const { shareLinks: t, signatures } = on.tables;
  const theirs = on.db.select({ key: signatures.key }).from(signatures).where(signedBy(on, supporterKey));
  const rows = await selectLinks(on).where(inArray(t.signatureKey, theirs)).orderBy(asc(t.key)).limit(most);
  return rows.map(({ code, network, source, createdAt, clicks, conversions, petition }) => ({
    code,
    network,
    source,
    createdAt,
    clicks,
    conversions,
    petitionId: petition.publicId,
  }));
}
