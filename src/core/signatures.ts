import { and, asc, desc, eq, gt, gte, inArray, lt, type SQL } from 'drizzle-orm';
import { SIGNATURE_STATUSES, type SignatureStatus, type Tables } from '../../schema/db/tables.js';
import { ApiError } from '../errors.js';
import { RunAgain, type Reader, type Tx } from '../store/store.js';
import { speaksFor, type Actor, type Context, type KeyedActor } from './context.js';
import { changeCounts, countedColumns } from './counts.js';
import { parseEmail } from './email.js';
import { once, type Retry } from './idempotency.js';
import { decodeCursor, pageOf, type Page } from './page.js';
import { findGate, findOwnGate } from './petition-lookup.js';

type SignatureRow = Tables['signatures']['$inferSelect'];

/** A signature as its organiser sees it. */
export type SignatureView = Omit<SignatureRow, 'mailingKey'> & {
  petitionId: string;
  organizationKey: number;
  goals: number[];
  /** Null once the signer is anonymous. */
  supporterId: string | null;
  email: string | null;
  mailingId: string | null;
  collectorId: string | null;
};

/** A signature as everybody sees it. */
export type PublicSignature = {
  key: number;
  displayName: string | null;
  country: string | null;
  signedAt: Date;
};

const viewColumns = (tables: Tables) => {
  const { signatures: t, supporters, petitions, organizations, mailings } = tables;
  return {
    key: t.key,
    supporterKey: t.supporterKey,
    publicId: t.publicId,
    ...countedColumns(tables),
    petitionId: petitions.publicId,
    organizationKey: petitions.organizationKey,
    goals: petitions.goals,
    supporterId: supporters.publicId,
    email: supporters.delivery,
    collectorId: organizations.publicId,
    mailingId: mailings.publicId,
    status: t.status,
    display: t.display,
    hidden: t.hidden,
    name: t.name,
    country: t.country,
    postalCode: t.postalCode,
    postalAddress: t.postalAddress,
    phone: t.phone,
    comment: t.comment,
    source: t.source,
    utm: t.utm,
    externalId: t.externalId,
    withdrawnAt: t.withdrawnAt,
  };
};

const selectViews = ({ db, tables }: Reader) =>
  db
    .select(viewColumns(tables))
    .from(tables.signatures)
    .innerJoin(tables.petitions, eq(tables.petitions.key, tables.signatures.petitionKey))
    .leftJoin(tables.supporters, eq(tables.supporters.key, tables.signatures.supporterKey))
    .leftJoin(tables.mailings, eq(tables.mailings.key, tables.signatures.mailingKey))
    .leftJoin(tables.organizations, eq(tables.organizations.key, tables.signatures.collectorKey));

export type PageRequest = { limit: number; cursor?: string | undefined };

/** The confirmed signatures of a petition, latest first, each as its signer wants to be shown. */
export async function listPublicSignatures(
  on: Reader,
  actor: Actor,
  petitionRef: string,
  { limit, cursor }: PageRequest,
): Promise<Page<PublicSignature>> {
  const petition = await findGate(on, actor, petitionRef);
  const { signatures: t } = on.tables;
  const list = `public:${petition.key}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const rows = await on.db
    .select({ key: t.key, display: t.display, name: t.name, country: t.country, createdAt: t.createdAt })
    .from(t)
    .where(
      and(
        eq(t.petitionKey, petition.key),
        eq(t.status, 'confirmed'),
        eq(t.hidden, 0),
        before === undefined ? undefined : lt(t.key, before),
      ),
    )
    .orderBy(desc(t.key))
    .limit(limit + 1);
  const { items, nextCursor } = pageOf(list, rows, limit, (row) => [row.key]);
  return { items: items.map(publicly), nextCursor };
}

function publicly({
  key,
  display,
  name,
  country,
  createdAt,
}: Pick<SignatureRow, 'key' | 'display' | 'name' | 'country' | 'createdAt'>): PublicSignature {
  const anonymous = display === 'anonymous';
  const displayName = anonymous ? null : display === 'initials' ? initials(name) : name;
  return { key, displayName, country: anonymous ? null : country, signedAt: createdAt };
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** "Ada King Lovelace" is "A. K. L."; at most four, so that a long name does not spell itself. */
export const initials = (name: string): string =>
  name
    .split(/[\s\p{Dash}]+/u)
    .filter((word) => /[\p{Letter}\p{Number}]/u.test(word))
    .slice(0, 4)
    .map((word) => {
      const [first] = graphemes.segment(word.replace(/^[^\p{Letter}\p{Number}]+/u, ''));
      return `${(first?.segment ?? '').toLocaleUpperCase('und')}.`;
    })
    .join(' ');

export type SignatureFilter = {
  statuses?: readonly SignatureStatus[] | undefined;
  email?: string | undefined;
  externalId?: string | undefined;
  source?: string | undefined;
  collectorId?: string | undefined;
  createdFrom?: Date | undefined;
  createdBefore?: Date | undefined;
};

/**
 * The signatures of one petition of the actor's organization. There is one index per petition and status, ordered: a
 * list over several statuses merges one ordered run of each.
 */
export async function listSignatures(
  on: Reader,
  actor: KeyedActor,
  petitionRef: string,
  filter: SignatureFilter,
  { limit, cursor, oldestFirst }: PageRequest & { oldestFirst: boolean },
): Promise<Page<SignatureView>> {
  const petition = await findOwnGate(on, actor, petitionRef);
  const { signatures: t } = on.tables;
  const list = `signatures:${petition.key}:${oldestFirst}`;
  const [edge] = decodeCursor(list, cursor, [0]) ?? [];
  const conditions = await conditionsOf(on, filter);
  if (!conditions) return { items: [], nextCursor: null };

  const order = oldestFirst ? asc(t.key) : desc(t.key);
  const runs = (filter.statuses ?? SIGNATURE_STATUSES).map((status) =>
    on.db
      .select({ key: t.key })
      .from(t)
      .where(
        and(
          eq(t.petitionKey, petition.key),
          eq(t.status, status),
          edge === undefined ? undefined : oldestFirst ? gt(t.key, edge) : lt(t.key, edge),
          ...conditions,
        ),
      )
      .orderBy(order)
      .limit(limit + 1),
  );
  const keys = (await Promise.all(runs)).flat().map((row) => row.key);
  const rows = await selectViews(on)
    .where(inArray(t.key, keys))
    .orderBy(order)
    .limit(limit + 1);
  return pageOf(list, rows, limit, (row) => [row.key]);
}

/** The filters beyond petition and status; undefined when they can match nothing. */
async function conditionsOf(on: Reader, filter: SignatureFilter): Promise<(SQL | undefined)[] | undefined> {
  const { signatures: t, supporters, organizations } = on.tables;
  const conditions: (SQL | undefined)[] = [
    filter.source === undefined ? undefined : eq(t.source, filter.source),
    filter.externalId === undefined ? undefined : eq(t.externalId, filter.externalId),
    filter.createdFrom && gte(t.createdAt, filter.createdFrom),
    filter.createdBefore && lt(t.createdAt, filter.createdBefore),
  ];
  if (filter.email !== undefined) {
    const identity = parseEmail(filter.email)?.identity ?? '';
    const [supporter] = await on.db
      .select({ key: supporters.key })
      .from(supporters)
      .where(eq(supporters.identity, identity));
    if (!supporter) return undefined;
    conditions.push(eq(t.supporterKey, supporter.key));
  }
  if (filter.collectorId !== undefined) {
    const [collector] = await on.db
      .select({ key: organizations.key })
      .from(organizations)
      .where(eq(organizations.publicId, filter.collectorId));
    if (!collector) return undefined;
    conditions.push(eq(t.collectorKey, collector.key));
  }
  return conditions;
}

/** One signature of a petition of the actor's organization. Throws `signature_not_found`. */
export async function getSignature(on: Reader, actor: KeyedActor, publicId: string): Promise<SignatureView> {
  const [row] = await selectViews(on).where(eq(on.tables.signatures.publicId, publicId));
  if (!row || !speaksFor(actor, row.organizationKey)) throw new ApiError('signature_not_found');
  return row;
}

/** Takes a signature out of the count. Throws `signature_not_found`, `already_invalidated`, `signature_withdrawn`. */
export const invalidateSignature = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  reason: string,
  retry?: Retry,
) =>
  moderate(ctx, actor, publicId, reason, retry, (_tx, { status }) => {
    if (status === 'invalidated') throw new ApiError('already_invalidated');
    if (status === 'withdrawn') throw new ApiError('signature_withdrawn');
    return Promise.resolve('invalidated');
  });

/** Puts an invalidated signature back to what it was. Throws `signature_not_found`, `not_invalidated`. */
export const restoreSignature = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  reason: string,
  retry?: Retry,
) =>
  moderate(ctx, actor, publicId, reason, retry, async (tx, { key, status, confirmedAt }) => {
    if (status !== 'invalidated') throw new ApiError('not_invalidated');
    const { moderations: t } = tx.tables;
    const [last] = await tx.db
      .select({ fromStatus: t.fromStatus })
      .from(t)
      .where(and(eq(t.signatureKey, key), eq(t.toStatus, 'invalidated')))
      .orderBy(desc(t.key))
      .limit(1);
    const before = last?.fromStatus ?? 'pending';
    // Its mailbox may have confirmed it while it was out.
    return before === 'pending' && confirmedAt !== null ? 'confirmed' : before;
  });

/** Moves a signature to the status that `decide` names, with its reason and its count, in one transaction. */
async function moderate(
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  reason: string,
  retry: Retry | undefined,
  decide: (tx: Tx, before: SignatureView) => Promise<SignatureStatus>,
): Promise<SignatureView> {
  const after = await ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const before = await getSignature(tx, actor, publicId);
      const toStatus = await decide(tx, before);
      const { signatures, moderations } = tx.tables;
      const moved = await tx.db
        .update(signatures)
        .set({ status: toStatus })
        .where(and(eq(signatures.key, before.key), eq(signatures.status, before.status)))
        .returning({ key: signatures.key });
      // Only on PostgreSQL, where another transaction may come between the read and the write.
      if (moved.length === 0) throw new RunAgain();
      await tx.db.insert(moderations).values({
        signatureKey: before.key,
        fromStatus: before.status,
        toStatus,
        reason,
        apiKeyKey: actor.keyKey,
        createdAt: tx.now,
      });
      changeCounts(tx, before, before.status, toStatus);
      return { ...before, status: toStatus };
    }),
  );
  if (after.status === 'confirmed') await ctx.milestones.settle(after.petitionKey, after.goals);
  return after;
}
