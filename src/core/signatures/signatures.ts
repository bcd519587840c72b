import { and, asc, desc, eq, gte, inArray, lt, sql, type SQL } from 'drizzle-orm';
import { SIGNATURE_STATUSES, type SignatureStatus } from '../../../schema/db/tables/signatures.js';
import { ApiError } from '../../errors.js';
import { bind, statement, type Reader } from '../../store/store.js';
import { speaksFor, worldOf, type Actor, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import type { PageRequest } from '../cursor.js';
import { behind, decodeCursor, invalidCursor, keysOfRuns, pageOf, type Page } from '../cursor.js';
import type { World } from '../email.js';
import { findSharedHead } from '../partners/partnerships.js';
import { findHead } from '../petitions/petition-lookup.js';
import { findSupporter } from '../supporters/supporters.js';
import { undirected } from '../typed-text.js';
import { accessTo, type Access } from './signature-access.js';
import { selectViews, type SignatureRead, type SignatureView, type SignatureRow } from './signature-views.js';
import { MINUTE_MS } from '../../time.js';

/* Lists of signatures: the public one, and the one for organizations. */

/** A signature as it is shown in public. */
export type PublicSignature = {
  key: number;
  displayName: string | null;
  country: string | null;
  signedAt: Date;
};

const selectPublic = statement('signatures_public', ({ db, tables: { signatures: t } }: Reader) =>
  db
    .select({ key: t.key, display: t.display, name: t.name, country: t.country, createdAt: t.createdAt })
    .from(t)
    .where(
      and(
        eq(t.petitionKey, bind(t.petitionKey, 'petitionKey')),
        eq(t.status, 'confirmed'),
        eq(t.hidden, 0),
        lt(t.key, bind(t.key, 'before')),
      ),
    )
    .orderBy(desc(t.key))
    .limit(sql.placeholder('rows')),
);

/**
 * The public list: confirmed signatures of a petition, latest first, each as its signer chose to be shown. Throws
 * `invalid_cursor`, and what `findHead` throws.
 */
export async function listPublicSignatures(
  { store: { read: on }, secrets }: { store: { read: Reader } } & Pick<Context, 'secrets'>,
  actor: Actor,
  petitionRef: string,
  { limit, cursor }: PageRequest,
): Promise<Page<PublicSignature>> {
  const petition = await findHead(on, actor, petitionRef);
  const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : secrets.openPlace(petition.key, cursor);
  if (before === undefined) throw invalidCursor();
  const rows = await selectPublic(on, { petitionKey: petition.key, before, rows: limit + 1 });
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  // Row numbers would show how many people have signed other petitions meanwhile, so the cursor hides them.
  return { items: items.map(toPublic), nextCursor: last ? secrets.place(petition.key, last.key) : null };
}

/**
 * Rounded to the minute, so that no one who watches the count or a website's visitors can tell which visitor this was.
 */
const minuteOf = (instant: Date): Date => new Date(instant.getTime() - (instant.getTime() % MINUTE_MS));

function toPublic({
  key,
  display,
  name,
  country,
  createdAt,
}: Pick<SignatureRow, 'key' | 'display' | 'name' | 'country' | 'createdAt'>): PublicSignature {
  const anonymous = display === 'anonymous';
  const displayName = anonymous ? null : display === 'initials' ? initials(name) : undirected(name);
  return { key, displayName, country: anonymous ? null : country, signedAt: minuteOf(createdAt) };
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** "Ada King Lovelace" becomes "A. K. L."; at most four letters, so that a long name does not spell itself. */
export const initials = (name: string): string =>
  name
    .split(/[\s\p{Dash}]+/u)
    .filter((word) => /[\p{Letter}\p{Number}]/u.test(word))
    .slice(0, 4)
    .map((word) => `${firstLetter(word.replace(/^[^\p{Letter}\p{Number}]+/u, ''))}.`)
    .join(' ');

/** Plain Latin letters skip the segmenter, which would take longer than the rest of a page of names. */
function firstLetter(word: string): string {
  if (/^[A-Za-z0-9](?:[\x20-\x7e]|$)/.test(word)) return word.charAt(0).toUpperCase();
  const [first] = graphemes.segment(word);
  return (first?.segment ?? '').toLocaleUpperCase('und');
}

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
 * The signatures that the actor's organization may see of a petition that it leads or is a partner of. The index is
 * ordered per petition and status, so a list over several statuses merges one run of each. Throws `petition_not_found`,
 * `invalid_cursor`.
 */
export async function listSignatures(
  ctx: Pick<Context, 'store' | 'secrets'>,
  actor: KeyedActor,
  petitionRef: string,
  filter: SignatureFilter,
  { limit, cursor, oldestFirst }: PageRequest & { oldestFirst: boolean },
): Promise<Page<SignatureView>> {
  const on = ctx.store.read;
  const petition = await findSharedHead(on, actor, petitionRef);
  const access = await accessTo(ctx, on, actor, petition);
  if (!access) throw new ApiError('petition_not_found');
  const { signatures: t } = on.tables;
  const list = `signatures:${petition.key}:${oldestFirst}`;
  const [edge] = decodeCursor(list, cursor, [0]) ?? [];
  const conditions = await conditionsOf(on, filter, access, worldOf(actor));
  if (!conditions) return { items: [], nextCursor: null };

  const { order, beyond } = behind(t.key, edge, oldestFirst);
  const keys = await keysOfRuns(filter.statuses ?? SIGNATURE_STATUSES, (status) =>
    on.db
      .select({ key: t.key })
      .from(t)
      .where(and(eq(t.petitionKey, petition.key), eq(t.status, status), beyond, ...conditions))
      .orderBy(order)
      .limit(limit + 1),
  );
  const rows = await selectViews(on)
    .where(inArray(t.key, keys))
    .orderBy(order)
    .limit(limit + 1);
  const { items, nextCursor } = pageOf(list, rows, limit, (row) => [row.key]);
  return { items: items.map(access.show), nextCursor };
}

/**
 * The conditions for what may be seen and for the filters, except petition and status; undefined if nothing can match.
 * A filter must not find a signature by a field that is hidden.
 */
export async function conditionsOf(
  on: Reader,
  filter: SignatureFilter,
  access: Access,
  world: World,
): Promise<(SQL | undefined)[] | undefined> {
  const { signatures: t, organizations } = on.tables;
  const conditions: (SQL | undefined)[] = [
    access.visible,
    filter.source === undefined ? undefined : eq(t.source, filter.source),
    filter.externalId === undefined
      ? undefined
      : and(eq(t.externalId, filter.externalId), access.byExternalId),
    filter.createdFrom && gte(t.createdAt, filter.createdFrom),
    filter.createdBefore && lt(t.createdAt, filter.createdBefore),
  ];
  if (filter.email !== undefined) {
    const supporter = await findSupporter(on, world, filter.email);
    if (!supporter) return undefined;
    conditions.push(eq(t.supporterKey, supporter.key), access.byEmail);
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

/** One signature that the actor's organization may see. Throws `signature_not_found`. */
export async function getSignature(
  ctx: Pick<Context, 'store' | 'secrets'>,
  actor: KeyedActor,
  publicId: string,
): Promise<SignatureView> {
  const on = ctx.store.read;
  const isIt = eq(on.tables.signatures.publicId, publicId);
  const [found] = await selectViews(on).where(isIt);
  const access = found && (await accessOf(ctx, actor, found));
  const [row] = access ? await selectViews(on).where(and(isIt, access.visible)) : [];
  if (!access || !row) throw new ApiError('signature_not_found');
  return access.show(row);
}

export const accessOf = (
  ctx: Pick<Context, 'store' | 'secrets'>,
  actor: KeyedActor,
  { petitionKey, organizationKey }: SignatureRead,
) => accessTo(ctx, ctx.store.read, actor, { key: petitionKey, organizationKey });

/** One signature of a petition of the actor's organization, with all fields. Throws `signature_not_found`. */
export async function findOwnSignature(
  on: Reader,
  actor: KeyedActor,
  publicId: string,
): Promise<SignatureRead> {
  const [row] = await selectViews(on).where(eq(on.tables.signatures.publicId, publicId));
  if (!row || !speaksFor(actor, row.organizationKey)) throw new ApiError('signature_not_found');
  return row;
}

/** Signatures by their keys, oldest first, with all fields. */
export const readSignatures = (on: Reader, keys: readonly number[]): PromiseLike<SignatureRead[]> =>
  selectViews(on)
    .where(inArray(on.tables.signatures.key, [...keys]))
    .orderBy(asc(on.tables.signatures.key));
