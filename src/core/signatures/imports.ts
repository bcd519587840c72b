import { and, desc, eq, inArray, lt, sql } from 'drizzle-orm';
import type { ImportKind } from '../../../schema/db/tables/signatures.js';
import type { Reader, Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import { decodeCursor, pageOf, type Page } from '../cursor.js';
import type { PageRequest } from '../cursor.js';
import { groupColumns, type Group } from '../partners/partnerships.js';
import { dayOf } from '../../time.js';
import { findOwnHead } from '../petitions/petition-lookup.js';

/*
 * Imports: a record of what was vouched for by file, or (one import per key and day) by requests. It says which
 * organization brought how much, and when; signatures refer to it.
 */

/** The totals of an import. */
export type ImportTotals = { lines: number; created: number; confirmed: number; quarantined: number };

/** The organization and key that import, and the petition. */
type Importer = { petitionKey: number; organizationKey: number; apiKeyKey: number | null };

/** Starts the import of a file. Returns its key. */
export async function beginImport(
  tx: Tx,
  publicId: string,
  importer: Importer & { source: string | null },
): Promise<number> {
  return add(tx, publicId, { ...importer, kind: 'file', day: null }, NOTHING);
}

const NOTHING: ImportTotals = { lines: 0, created: 0, confirmed: 0, quarantined: 0 };

/** Adds to the totals of an import. */
export async function addToImport(tx: Tx, key: number, brought: ImportTotals): Promise<void> {
  const { imports: t } = tx.tables;
  const plus = (name: keyof ImportTotals) => sql`${t[name]} + ${brought[name]}`;
  const sums = { lines: plus('lines'), created: plus('created'), confirmed: plus('confirmed') };
  await tx.db
    .update(t)
    .set({ ...sums, quarantined: plus('quarantined'), lastAt: tx.now })
    .where(eq(t.key, key));
}

/** Adds one signature to today's import of a key. Returns the import's key. */
export async function addToToday(
  tx: Tx,
  publicId: string,
  importer: Importer,
  what: 'created' | 'confirmed' | 'quarantined',
): Promise<number> {
  const today = { ...importer, source: null, kind: 'requests', day: dayOf(tx.now) } as const;
  return add(tx, publicId, today, { ...NOTHING, lines: 1, [what]: 1 });
}

type NewImport = Importer & { source: string | null; kind: ImportKind; day: number | null };

async function add(tx: Tx, publicId: string, row: NewImport, brought: ImportTotals): Promise<number> {
  const { imports: t } = tx.tables;
  const plus = (name: keyof ImportTotals) => sql`${t[name]} + excluded.${sql.identifier(name)}`;
  const sums = { lines: plus('lines'), created: plus('created'), confirmed: plus('confirmed') };
  const [made] = await tx.db
    .insert(t)
    .values({ publicId, ...row, ...brought, begunAt: tx.now, lastAt: tx.now })
    .onConflictDoUpdate({
      target: [t.petitionKey, t.apiKeyKey, t.day],
      targetWhere: sql`day is not null`,
      set: { ...sums, quarantined: plus('quarantined'), lastAt: tx.now },
    })
    .returning({ key: t.key });
  if (!made) throw new Error('the insert returned no row');
  return made.key;
}

/** Links signatures to the import that made them count. */
export async function markImported(
  tx: Tx,
  signatureKeys: readonly number[],
  importKey: number,
): Promise<void> {
  const { signatures: t } = tx.tables;
  if (signatureKeys.length === 0) return;
  await tx.db
    .update(t)
    .set({ importKey })
    .where(inArray(t.key, [...signatureKeys]));
}

export type ImportView = ImportTotals & {
  key: number;
  publicId: string;
  petitionId: string;
  kind: ImportKind;
  organization: Group;
  keyId: string | null;
  source: string | null;
  begunAt: Date;
  lastAt: Date;
};

/**
 * The imports of a petition of the actor's organization, latest first. Throws `petition_not_found`, `invalid_cursor`.
 */
export async function listImports(
  on: Reader,
  actor: KeyedActor,
  petitionRef: string,
  { limit, cursor }: PageRequest,
): Promise<Page<ImportView>> {
  const petition = await findOwnHead(on, actor, petitionRef);
  const list = `imports:${petition.key}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const { imports: t, organizations, apiKeys } = on.tables;
  const rows = await on.db
    .select({
      key: t.key,
      publicId: t.publicId,
      kind: t.kind,
      organization: groupColumns(organizations),
      keyId: apiKeys.publicId,
      source: t.source,
      lines: t.lines,
      created: t.created,
      confirmed: t.confirmed,
      quarantined: t.quarantined,
      begunAt: t.begunAt,
      lastAt: t.lastAt,
    })
    .from(t)
    .innerJoin(organizations, eq(organizations.key, t.organizationKey))
    .leftJoin(apiKeys, eq(apiKeys.key, t.apiKeyKey))
    .where(and(eq(t.petitionKey, petition.key), before === undefined ? undefined : lt(t.key, before)))
    .orderBy(desc(t.key))
    .limit(limit + 1);
  const views = rows.map((row) => ({ ...row, petitionId: petition.publicId }));
  return pageOf(list, views, limit, (row) => [row.key]);
}
