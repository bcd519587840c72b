import { and, asc, eq, gt, type SQL } from 'drizzle-orm';
import type { PaperStatus } from '../../../schema/db/tables/paper.js';
import type { LeadSees } from '../../../schema/db/tables/partners.js';
import type { Tables } from '../../../schema/db/tables.js';
import { ApiError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import { speaksFor, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { behind, decodeCursor, pageOf, type Page, type PageRequest } from '../cursor.js';
import { nextLoopTurn } from '../one-per-turn.js';
import { assertStillActive } from '../organization/api-keys.js';
import { leadSeesOf, termsOf, type Terms } from '../partners/partner-terms.js';
import { findSharedHead } from '../partners/partnerships.js';

/*
 * Who sees which paper signatures: a partner those that it has entered; the lead all, with what its terms with a partner
 * show of them.
 */

type Row = Tables['paperSignatures']['$inferSelect'];

export type PaperView = Omit<Row, 'petitionKey' | 'batchKey' | 'person'> & {
  petitionId: string;
  organizationId: string;
  batchId: string;
  shown: LeadSees;
};

export type PaperFilter = {
  status?: PaperStatus | undefined;
  /** The id of a batch, or of the organization that entered them. */
  batchId?: string | undefined;
  organizationId?: string | undefined;
};

type PaperRead = Omit<PaperView, 'shown'>;

const selectPaper = ({ db, tables }: Reader) => {
  const { paperSignatures: t, petitions, paperBatches, organizations } = tables;
  return db
    .select({
      key: t.key,
      publicId: t.publicId,
      petitionId: petitions.publicId,
      organizationKey: t.organizationKey,
      organizationId: organizations.publicId,
      batchId: paperBatches.publicId,
      status: t.status,
      reason: t.reason,
      name: t.name,
      givenName: t.givenName,
      familyName: t.familyName,
      country: t.country,
      postalCode: t.postalCode,
      postalAddress: t.postalAddress,
      phone: t.phone,
      comment: t.comment,
      display: t.display,
      hidden: t.hidden,
      sheet: t.sheet,
      signedOn: t.signedOn,
      externalId: t.externalId,
      createdAt: t.createdAt,
    })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey))
    .innerJoin(paperBatches, eq(paperBatches.key, t.batchKey))
    .innerJoin(organizations, eq(organizations.key, t.organizationKey));
};

type Petition = { key: number; organizationKey: number };
type Show = (read: PaperRead) => PaperView;

/** How the actor sees the paper signatures of a petition. A key without `signatures:read` gets no addresses. */
async function showTo(on: Reader, actor: KeyedActor, petition: Petition): Promise<Show> {
  const terms: Terms = speaksFor(actor, petition.organizationKey) ? await termsOf(on, petition.key) : [];
  const mayRead = actor.scopes.includes('signatures:read');
  return (read) => {
    const { organizationKey: collectorKey, createdAt } = read;
    const shown = leadSeesOf(terms, { collectorKey, createdAt });
    return masked(read, shown === 'full' && !mayRead ? 'names' : shown);
  };
}

function masked(read: PaperRead, shown: LeadSees): PaperView {
  if (shown === 'full') return { ...read, shown };
  const names = { ...read, shown, phone: null, postalAddress: null, externalId: null };
  if (shown === 'names') return names;
  return {
    ...names,
    reason: null,
    name: '',
    givenName: null,
    familyName: null,
    country: null,
    postalCode: null,
    comment: null,
    display: 'anonymous',
    hidden: 0,
    sheet: null,
    signedOn: null,
  };
}

/** A paper signature as the actor sees it. Throws `paper_signature_not_found`. */
export async function viewPaper(
  on: Reader,
  actor: KeyedActor,
  petition: Petition,
  key: number,
): Promise<PaperView> {
  const show = await showTo(on, actor, petition);
  const [row] = await selectPaper(on).where(eq(on.tables.paperSignatures.key, key));
  if (!row) throw new ApiError('paper_signature_not_found');
  return show(row);
}

const conditionsOf = (
  { tables }: Reader,
  actor: KeyedActor,
  petition: Petition,
  { status, batchId, organizationId }: PaperFilter,
): (SQL | undefined)[] => {
  const { paperSignatures: t, paperBatches, organizations } = tables;
  const { organizationKey } = actor;
  return [
    eq(t.petitionKey, petition.key),
    organizationKey === petition.organizationKey ? undefined : eq(t.organizationKey, organizationKey),
    status && eq(t.status, status),
    batchId === undefined ? undefined : eq(paperBatches.publicId, batchId),
    organizationId === undefined ? undefined : eq(organizations.publicId, organizationId),
  ];
};

/** A page of paper signatures, latest first. Throws `petition_not_found`, `invalid_cursor`. */
export async function listPaper(
  on: Reader,
  actor: KeyedActor,
  petitionRef: string,
  filter: PaperFilter,
  { limit, cursor }: PageRequest,
): Promise<Page<PaperView>> {
  const petition = await findSharedHead(on, actor, petitionRef);
  const list = `paper:${petition.key}`;
  const [edge] = decodeCursor(list, cursor, [0]) ?? [];
  const { order, beyond } = behind(on.tables.paperSignatures.key, edge, false);
  const rows = await selectPaper(on)
    .where(and(...conditionsOf(on, actor, petition, filter), beyond))
    .orderBy(order)
    .limit(limit + 1);
  const show = await showTo(on, actor, petition);
  return pageOf(list, rows.map(show), limit, (row) => [row.key]);
}

/** Rows per read, as in signature-export.ts. */
const SLICE = 250;

export type PaperExport = { slug: string; slices: AsyncGenerator<PaperView[], void, undefined> };

/**
 * All paper signatures that the actor may see, oldest first, in slices. Throws `petition_not_found` at once; the slices
 * throw it, and `invalid_key`, if access ends on the way.
 */
export async function exportPaper(
  ctx: Pick<Context, 'store'>,
  actor: KeyedActor,
  petitionRef: string,
  filter: PaperFilter,
): Promise<PaperExport> {
  const { slug } = await findSharedHead(ctx.store.read, actor, petitionRef);
  return { slug, slices: slicesOf(ctx, actor, petitionRef, filter) };
}

async function* slicesOf(
  { store }: Pick<Context, 'store'>,
  actor: KeyedActor,
  petitionRef: string,
  filter: PaperFilter,
): PaperExport['slices'] {
  const on = store.read;
  for (let edge = 0; ;) {
    await nextLoopTurn();
    // Checked for each slice: access can change while a slow client reads.
    await assertStillActive(on, actor);
    const petition = await findSharedHead(on, actor, petitionRef);
    const { key } = on.tables.paperSignatures;
    const rows = await selectPaper(on)
      .where(and(...conditionsOf(on, actor, petition, filter), gt(key, edge)))
      .orderBy(asc(key))
      .limit(SLICE);
    const show = await showTo(on, actor, petition);
    if (rows.length > 0) yield rows.map(show);
    if (rows.length < SLICE) return;
    edge = rows.at(-1)?.key ?? edge;
  }
}
