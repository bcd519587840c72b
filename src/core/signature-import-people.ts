import { inArray } from 'drizzle-orm';
import { RunAgain, type Tx } from '../store/store.js';
import { insertMany } from './bulk-insert.js';
import type { Context } from './context.js';
import type { Collected } from './signature-import-chunk.js';
import { anybodyErased, erasedIdentity } from './tombstones.js';

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

/** What engines take at once in a list. */
const LIST = 500;

export function* inParts<One>(many: readonly One[]): Generator<readonly One[]> {
  for (let at = 0; at < many.length; at += LIST) yield many.slice(at, at + LIST);
}

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

/** People among the rows who were erased and have not come back: those who signed before that, and those who did later. */
export async function forgottenAmong(
  ctx: Context,
  tx: Tx,
  rows: readonly Collected[],
): Promise<{ earlier: Set<Collected>; later: Set<Collected> }> {
  const [earlier, later] = [new Set<Collected>(), new Set<Collected>()];
  // Nearly always nobody was: then no address is hashed.
  if (!(await anybodyErased(tx))) return { earlier, later };
  const { supporters: t } = tx.tables;
  for (const some of inParts(rows)) {
    const names = new Map(some.map((row) => [erasedIdentity(ctx.secrets.subject(row.email.identity)), row]));
    const tombs = await tx.db
      .select({ identity: t.identity, erasedAt: t.erasedAt })
      .from(t)
      .where(inArray(t.identity, [...names.keys()]));
    if (tombs.length === 0) continue;
    const theirs = tombs.flatMap(({ identity }) => names.get(identity)?.email.identity ?? []);
    const back = await tx.db.select({ identity: t.identity }).from(t).where(inArray(t.identity, theirs));
    const isBack = new Set(back.map(({ identity }) => identity));
    for (const { identity, erasedAt } of tombs) {
      const row = names.get(identity);
      if (!row || isBack.has(row.email.identity)) continue;
      const at = row.input.createdAt;
      (at && erasedAt && at > erasedAt ? later : earlier).add(row);
    }
  }
  return { earlier, later };
}
