import { and, eq, isNotNull } from 'drizzle-orm';
import { RunAgain, statement, type Tx } from '../store/store.js';
import type { Context } from './context.js';
import { changeCounts, countedColumns } from './counts.js';

/*
 * Of an erased person the signatures stay, without anything that says whose they were: the count was shown to the world.
 * Who comes back with the same address is a new supporter, and would count twice.
 */

/** What stands where an erased supporter's identity stood: the keyed hash, which needs the address to be made again. */
export const erasedIdentity = (subject: Buffer): string => `erased:${subject.toString('base64url')}`;

/** Takes out the signature that the same address left on a petition before it was erased. */
export async function supersedeTombstone(
  ctx: Context,
  tx: Tx,
  petitionKey: number,
  identity: string,
): Promise<void> {
  if (!(await anybodyErased(tx))) return;
  const { supporters, signatures: t } = tx.tables;
  const erased = erasedIdentity(ctx.secrets.subject(identity));
  const rows = await tx.db
    .select({ key: t.key, ...countedColumns(tx.tables) })
    .from(t)
    .innerJoin(supporters, eq(supporters.key, t.supporterKey))
    .where(and(eq(supporters.identity, erased), eq(t.petitionKey, petitionKey), eq(t.status, 'confirmed')));
  for (const { key, ...counted } of rows) {
    const moved = await tx.db
      .update(t)
      .set({ status: 'withdrawn', withdrawnAt: tx.now })
      .where(and(eq(t.key, key), eq(t.status, 'confirmed')))
      .returning({ key: t.key });
    // Only on PostgreSQL, where another transaction may come between the read and the write.
    if (moved.length === 0) throw new RunAgain();
    changeCounts(tx, counted, 'confirmed', 'withdrawn');
  }
}

const findErased = statement('supporter_erased', ({ db, tables: { supporters: t } }: Tx) =>
  db.select({ key: t.key }).from(t).where(isNotNull(t.erasedAt)).limit(1),
);

/** Asked once for all transactions of a commit: nearly always nobody was, and signing should not pay for it. */
export async function anybodyErased(tx: Tx): Promise<boolean> {
  const known = tx.memo.get('anybody erased') as boolean | undefined;
  if (known !== undefined) return known;
  const [one] = await findErased(tx, {});
  tx.memo.set('anybody erased', one !== undefined);
  return one !== undefined;
}
