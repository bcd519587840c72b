import { inArray } from 'drizzle-orm';
import { RunAgain, type Tx } from '../store/store.js';
import { insertMany } from './bulk-insert.js';
import type { Context } from './context.js';
import type { Collected } from './signature-import-chunk.js';
import { learn } from './supporters.js';
import { anybodyErased, erasedIdentity } from './tombstones.js';

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

/** What engines take at once in a list. */
const LIST = 500;

export function* inParts<One>(many: readonly One[]): Generator<readonly One[]> {
  for (let at = 0; at < many.length; at += LIST) yield many.slice(at, at + LIST);
}

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

/** People among the rows who were erased and have not come back: those who signed before that, and those who did later. */
export async function forgottenAmong(
  ctx: Context,
  tx: Tx,
  rows: readonly Collected[],
): Promise<{ earlier: Set<Collected>; later: Set<Collected> }> {
  const [earlier, later] = [new Set<Collected>(), new Set<Collected>()];
  // Nearly always nobody was: then no address is hashed.
  if (!(await anybodyErased(tx))) return { earlier, later };
  const gone = await erasedAmong(ctx, tx, new Set(rows.map(({ email }) => email.identity)));
  for (const row of rows) {
    const erasedAt = gone.get(row.email.identity);
    if (erasedAt === undefined) continue;
    const at = row.input.createdAt;
    (at && erasedAt && at > erasedAt ? later : earlier).add(row);
  }
  return { earlier, later };
}

/** Those of the identities who were erased and have not come back, and when that was. */
async function erasedAmong(
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
