import { inArray } from 'drizzle-orm';
import { RunAgain, type Tx } from '../store/store.js';
import { inParts, insertMany } from './bulk-insert.js';
import type { Context } from './context.js';
import { erasedIdentity, lookForErased } from './counting-once.js';
import type { Collected } from './signature-import-chunk.js';
import { learn } from './supporters.js';

/* Who the signers of an import are: known, new, or erased since. */

const SUPPORTER = [
  'publicId',
  'identity',
  'delivery',
  'name',
  'country',
  'postalCode',
  'postalAddress',
  'phone',
  'provenAt',
  'createdAt',
] as const;

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

/**
 * The supporters of the rows, made where there are none. Of a new one, and of one whose mailbox was not proven yet, is
 * kept what the row says; what somebody has said themselves stays.
 */
export async function supportersOf(tx: Tx, rows: readonly Collected[]): Promise<Placed[]> {
  const made = await insertSupporters(
    tx,
    rows.map(({ email, ids, input }) => ({
      identity: email.identity,
      delivery: email.delivery,
      publicId: ids.supporter,
      name: input.name,
      country: input.country ?? null,
      postalCode: input.postalCode ?? null,
      postalAddress: input.postalAddress ?? null,
      phone: input.phone ?? null,
      provenAt: tx.now,
      createdAt: tx.now,
    })),
  );
  const keys = new Map(made.map(({ identity, key }) => [identity, key]));
  const { supporters: t } = tx.tables;
  for (const some of inParts(rows.filter(({ email }) => !keys.has(email.identity)))) {
    const inputs = new Map(some.map(({ email, input }) => [email.identity, input]));
    const found = await tx.db
      .select({ key: t.key, identity: t.identity, provenAt: t.provenAt })
      .from(t)
      .where(inArray(t.identity, [...inputs.keys()]));
    for (const { key, identity, provenAt } of found) {
      keys.set(identity, key);
      if (!provenAt) await learn(tx, key, inputs.get(identity) ?? {});
    }
  }
  return rows.map((row) => {
    const supporterKey = keys.get(row.email.identity);
    // Only on PostgreSQL, where an erasure may come in between.
    if (supporterKey === undefined) throw new RunAgain();
    return { row, supporterKey };
  });
}

/** Rows of people who were erased since they signed, and have not come back: they are left out. */
export async function erasedAmong(ctx: Context, tx: Tx, rows: readonly Collected[]): Promise<Set<Collected>> {
  const erased = new Set<Collected>();
  if (!(await lookForErased(tx))) return erased;
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
      if (!at || !erasedAt || at <= erasedAt) erased.add(row);
    }
  }
  return erased;
}
