import { inArray, type SQL } from 'drizzle-orm';
import { RunAgain, type Tx } from '../../store/store.js';
import { inParts, insertMany } from '../bulk-insert.js';
import type { Context } from '../context.js';
import { erasedIdentity, anyErased } from '../counts/counting-once.js';
import type { Collected } from './collected-signature.js';

/* Finds out who the signers of an import are: known, new, or erased since they signed. */

const SUPPORTER = ['publicId', 'identity', 'delivery', 'createdAt'] as const;

const insertRows = ({ db, tables: { supporters: t } }: Tx, rows: Record<(typeof SUPPORTER)[number], SQL>[]) =>
  db
    .insert(t)
    .values(rows.map((row) => ({ ...row, linkEpoch: 0 })))
    .onConflictDoNothing()
    .returning({ key: t.key, identity: t.identity });

const insertSupporters = insertMany('import_supporters', SUPPORTER, (all) => all.supporters, insertRows);
const insertTestSupporters = insertMany(
  'import_supporters_test',
  [...SUPPORTER, 'testOrganizationKey'] as const,
  (all) => all.supporters,
  insertRows,
);

/** A row with its supporter. */
export type Placed = { row: Collected; supporterKey: number };

/** The supporters of the rows; missing ones are created. */
export async function supportersOf(tx: Tx, rows: readonly Collected[]): Promise<Placed[]> {
  const isTest = rows[0]?.email.testOrganizationKey !== undefined;
  const made = await (isTest ? insertTestSupporters : insertSupporters)(
    tx,
    rows.map(({ email, ids }) => ({
      identity: email.identity,
      delivery: email.delivery,
      testOrganizationKey: email.testOrganizationKey,
      publicId: ids.supporter,
      createdAt: tx.now,
    })),
  );
  const keys = new Map(made.map(({ identity, key }) => [identity, key]));
  const { supporters: t } = tx.tables;
  for (const some of inParts(rows.filter(({ email }) => !keys.has(email.identity)))) {
    const identities = some.map(({ email }) => email.identity);
    const found = await tx.db
      .select({ key: t.key, identity: t.identity })
      .from(t)
      .where(inArray(t.identity, identities));
    for (const { key, identity } of found) keys.set(identity, key);
  }
  return rows.map((row) => {
    const supporterKey = keys.get(row.email.identity);
    // On PostgreSQL an erasure may have committed in between.
    if (supporterKey === undefined) throw new RunAgain();
    return { row, supporterKey };
  });
}

/**
 * The rows of people who were erased after they signed and have not returned; a row without a time of signing counts as
 * signed before. They are left out, with the same outcome as withdrawn ones, which must not show who was erased.
 */
export async function erasedAmong(ctx: Context, tx: Tx, rows: readonly Collected[]): Promise<Set<Collected>> {
  if (!(await anyErased(tx))) return new Set();
  const gone = await erasedOf(ctx, tx, new Set(rows.map(({ email }) => email.identity)));
  const erased = rows.filter(({ email: { identity }, input: { createdAt: at } }) => {
    const erasedAt = gone.get(identity);
    return erasedAt !== undefined && !(at && erasedAt && at > erasedAt);
  });
  return new Set(erased);
}

/** Which of the identities were erased and have not returned, with the time of their erasure. */
async function erasedOf(
  ctx: Context,
  { db, tables: { supporters: t } }: Tx,
  identities: ReadonlySet<string>,
): Promise<Map<string, Date | null>> {
  const gone = new Map<string, Date | null>();
  for (const some of inParts([...identities])) {
    const names = new Map(some.map((identity) => [erasedIdentity(ctx.secrets.subject(identity)), identity]));
    const tombstones = await db
      .select({ identity: t.identity, erasedAt: t.erasedAt })
      .from(t)
      .where(inArray(t.identity, [...names.keys()]));
    if (tombstones.length === 0) continue;
    for (const { identity, erasedAt } of tombstones) gone.set(names.get(identity) ?? '', erasedAt);
    const back = await db
      .select({ identity: t.identity })
      .from(t)
      .where(inArray(t.identity, [...gone.keys()]));
    for (const { identity } of back) gone.delete(identity);
  }
  return gone;
}
