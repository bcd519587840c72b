import { inArray } from 'drizzle-orm';
import { RunAgain, type Tx } from '../../store/store.js';
import { inParts, insertMany } from '../bulk-insert.js';
import type { Context } from '../context.js';
import { erasedIdentity, lookForErased } from '../counts/counting-once.js';
import type { Collected } from './collected-signature.js';

/* Who the signers of an import are: known, new, or erased since. */

const SUPPORTER = ['publicId', 'identity', 'delivery', 'createdAt'] as const;

const insertSupporters = insertMany(
  'import_supporters',
  SUPPORTER,
  ({ supporters }) => supporters,
  ({ db, tables: { supporters: t } }, rows) =>
    db
      .insert(t)
      .values(rows.map((row) => ({ ...row, linkEpoch: 0 })))
      .onConflictDoNothing()
      .returning({ key: t.key, identity: t.identity }),
);

/** A row and its supporter. */
export type Placed = { row: Collected; supporterKey: number };

/** The supporters of the rows, made where there are none. */
export async function supportersOf(tx: Tx, rows: readonly Collected[]): Promise<Placed[]> {
  const made = await insertSupporters(
    tx,
    rows.map(({ email, ids }) => ({
      identity: email.identity,
      delivery: email.delivery,
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
    // Only on PostgreSQL, where an erasure may come in between.
    if (supporterKey === undefined) throw new RunAgain();
    return { row, supporterKey };
  });
}

/**
 * Rows of people who were erased since they signed, and have not come back: they are left out. So are rows that do not say
 * when they were signed. All that is told of them is `left_out`, as of people who have withdrawn: it must not show who was
 * erased.
 */
export async function erasedAmong(ctx: Context, tx: Tx, rows: readonly Collected[]): Promise<Set<Collected>> {
  if (!(await lookForErased(tx))) return new Set();
  const gone = await erasedOf(ctx, tx, new Set(rows.map(({ email }) => email.identity)));
  const erased = rows.filter(({ email: { identity }, input: { createdAt: at } }) => {
    const erasedAt = gone.get(identity);
    return erasedAt !== undefined && !(at && erasedAt && at > erasedAt);
  });
  return new Set(erased);
}

/** Those of the identities who were erased and have not come back, and when that was. */
async function erasedOf(
  ctx: Context,
  { db, tables: { supporters: t } }: Tx,
  identities: ReadonlySet<string>,
): Promise<Map<string, Date | null>> {
  const gone = new Map<string, Date | null>();
  for (const some of inParts([...identities])) {
    const names = new Map(some.map((identity) => [erasedIdentity(ctx.secrets.subject(identity)), identity]));
    const tombs = await db
      .select({ identity: t.identity, erasedAt: t.erasedAt })
      .from(t)
      .where(inArray(t.identity, [...names.keys()]));
    if (tombs.length === 0) continue;
    for (const { identity, erasedAt } of tombs) gone.set(names.get(identity) ?? '', erasedAt);
    const back = await db
      .select({ identity: t.identity })
      .from(t)
      .where(inArray(t.identity, [...gone.keys()]));
    for (const { identity } of back) gone.delete(identity);
  }
  return gone;
}
