import { aliasedTable, and, asc, desc, eq, lt } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { PartnershipStatus } from '../../../schema/db/tables/partners.js';
import { ApiError } from '../../errors.js';
import { memoized } from '../../store/memo.js';
import { bind, statement, type Reader } from '../../store/store.js';
import { speaksFor, type KeyedActor } from '../actor.js';
import { decodeCursor, pageOf, type Page } from '../cursor.js';
import type { PageRequest } from '../cursor.js';
import { findAnyHead, type PetitionHead } from '../petitions/petition-lookup.js';

/*
 * The coalition of a petition: the lead invites, the partner accepts the terms, and either may end it. A new invitation
 * creates a new partnership; earlier ones are kept, because their terms apply to what was collected under them. Here
 * they are read; inviting.ts and partnership-moves.ts change them.
 */

const acceptedPartners = statement('partners_accepted', ({ db, tables: { partnerships: t } }: Reader) =>
  db
    .select({ organizationKey: t.organizationKey })
    .from(t)
    .where(and(eq(t.petitionKey, bind(t.petitionKey, 'petitionKey')), eq(t.status, 'accepted')))
    .orderBy(asc(t.key)),
);

/**
 * The organizations with an accepted partnership for a petition, oldest first. Read once for all transactions of a
 * commit.
 */
export const partnerKeysOf = memoized(async (on: Reader, petitionKey: number): Promise<number[]> => {
  const rows = await acceptedPartners(on, { petitionKey });
  return rows.map((row) => row.organizationKey);
});

/**
 * A petition that the actor's organization leads or is a partner of, even a draft or one that was taken down. Earlier
 * slugs work too. Throws `petition_not_found`.
 */
export async function findSharedHead(on: Reader, actor: KeyedActor, ref: string): Promise<PetitionHead> {
  const petition = await findAnyHead(on, ref);
  if (petition && speaksFor(actor, petition.organizationKey)) return petition;
  const partners = petition && actor.kind === 'secret' ? await partnerKeysOf(on, petition.key) : [];
  if (!petition || !partners.includes(actor.organizationKey)) throw new ApiError('petition_not_found');
  return petition;
}

export type Group = Pick<Tables['organizations']['$inferSelect'], 'publicId' | 'slug' | 'name' | 'url'>;

export type PartnershipView = Tables['partnerships']['$inferSelect'] & {
  petition: { publicId: string; slug: string; title: string; organizationKey: number };
  lead: Group;
  partner: Group;
};

export const groupColumns = ({ publicId, slug, name, url }: Tables['organizations']) => ({
  publicId,
  slug,
  name,
  url,
});

/** An organization's side of a partnership. */
export type Side = 'lead' | 'partner';

export const sideOf = (actor: KeyedActor, view: PartnershipView): Side | undefined =>
  speaksFor(actor, view.organizationKey)
    ? 'partner'
    : speaksFor(actor, view.petition.organizationKey)
      ? 'lead'
      : undefined;

const selectPartnerships = ({ db, tables: { partnerships: t, petitions, organizations } }: Reader) => {
  const leads = aliasedTable(organizations, 'leads');
  return db
    .select({
      key: t.key,
      publicId: t.publicId,
      petitionKey: t.petitionKey,
      organizationKey: t.organizationKey,
      status: t.status,
      leadSees: t.leadSees,
      listed: t.listed,
      vouchLimit: t.vouchLimit,
      invitedAt: t.invitedAt,
      answeredAt: t.answeredAt,
      endedAt: t.endedAt,
      reason: t.reason,
      petition: {
        publicId: petitions.publicId,
        slug: petitions.slug,
        title: petitions.title,
        organizationKey: petitions.organizationKey,
      },
      lead: groupColumns(leads),
      partner: groupColumns(organizations),
    })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey))
    .innerJoin(leads, eq(leads.key, petitions.organizationKey))
    .innerJoin(organizations, eq(organizations.key, t.organizationKey));
};

/** A partnership of the actor's organization, on either side. Throws `partnership_not_found`. */
export async function getPartnership(
  on: Reader,
  actor: KeyedActor,
  publicId: string,
): Promise<PartnershipView> {
  const [row] = await selectPartnerships(on).where(eq(on.tables.partnerships.publicId, publicId));
  if (!row || !sideOf(actor, row)) throw new ApiError('partnership_not_found');
  return row;
}

/** The partnerships in which the actor's organization is the partner, latest first. Throws `invalid_cursor`. */
export async function listPartnerships(
  on: Reader,
  { organizationKey }: KeyedActor,
  { status, limit, cursor }: PageRequest & { status?: PartnershipStatus | undefined },
): Promise<Page<PartnershipView>> {
  const list = `partnerships:${organizationKey}:${status ?? ''}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const { partnerships: t } = on.tables;
  const rows = await selectPartnerships(on)
    .where(
      and(
        eq(t.organizationKey, organizationKey),
        status && eq(t.status, status),
        before === undefined ? undefined : lt(t.key, before),
      ),
    )
    .orderBy(desc(t.key))
    .limit(limit + 1);
  return pageOf(list, rows, limit, (row) => [row.key]);
}
