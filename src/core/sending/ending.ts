import { and, eq, inArray, isNull, lt, lte } from 'drizzle-orm';
import type { RecipientState } from '../../../schema/db/tables/sending.js';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { isEnding, isOpen, isToDo } from '../mailings/mailing-indexes.js';
import { queueUp } from './claims.js';
import { moveTallies, readTallies } from './tallies.js';

/*
 * Mailings that ended before everybody got them. Their state changes at once, so that no process begins a further batch; the
 * recipients who are left are skipped afterwards in steps, since there may be a million.
 */

const AT_A_TIME = 5000;

/**
 * Ends mailings whose `expires_at` has come, and skips a step of the recipients who are left of each that has ended.
 * Returns whether more is left; call it about once a second, or again at once while it does.
 */
export async function endMailings(ctx: Context): Promise<boolean> {
  await expire(ctx);
  const { mailings: t } = ctx.store.tables;
  const ended = await ctx.store.read.db
    .select({ key: t.key, organizationKey: t.organizationKey, reason: t.state })
    .from(t)
    .where(isEnding(ctx.store.tables));
  let isMore = false;
  for (const { key, organizationKey, reason } of ended) {
    const skipped = await ctx.store.transact(async (tx) => {
      await queueUp(tx, { organizationKey });
      return skipSome(tx, key, reason === 'cancelled' ? 'cancelled' : 'expired');
    });
    isMore ||= skipped > 0;
  }
  return isMore;
}

const OPEN = ['building', 'running', 'deciding'] as const;

async function expire(ctx: Context): Promise<void> {
  const { mailings: t } = ctx.store.tables;
  const isOver = and(isOpen(ctx.store.tables), inArray(t.state, [...OPEN]), lte(t.expiresAt, ctx.now()));
  const [any] = await ctx.store.read.db.select({ key: t.key }).from(t).where(isOver).limit(1);
  if (!any) return;
  await ctx.store.transact(async (tx) => {
    await tx.db
      .update(t)
      .set({ state: 'done', finishedAt: null, updatedAt: tx.now })
      .where(and(inArray(t.state, [...OPEN]), lte(t.expiresAt, tx.now)));
  });
}

/** Skips some of the recipients who are left; when none is, the mailing has finished. */
async function skipSome(tx: Tx, mailingKey: number, reason: 'cancelled' | 'expired'): Promise<number> {
  let skipped = 0;
  for (const state of ['queued', 'deferred', 'claimed'] as const) {
    if (skipped < AT_A_TIME) skipped += await skip(tx, mailingKey, state, reason, AT_A_TIME - skipped);
  }
  const tallies = await readTallies(tx, mailingKey);
  const isOpen = (state: RecipientState) => ['queued', 'claimed', 'sending', 'deferred'].includes(state);
  if (tallies.some(({ state, recipients }) => isOpen(state) && recipients > 0)) return skipped;
  const { mailings: t } = tx.tables;
  await tx.db
    .update(t)
    .set({ finishedAt: tx.now })
    .where(and(eq(t.key, mailingKey), inArray(t.state, ['done', 'cancelled']), isNull(t.finishedAt)));
  return skipped;
}

async function skip(
  tx: Tx,
  mailingKey: number,
  from: 'queued' | 'deferred' | 'claimed',
  reason: string,
  most: number,
): Promise<number> {
  const { mailingRecipients: t } = tx.tables;
  const isLeft = and(
    isToDo(tx.tables),
    eq(t.mailingKey, mailingKey),
    eq(t.state, from),
    // A process that is there puts back what it has claimed; one that died does not.
    from === 'claimed' ? lt(t.dueAt, tx.now) : undefined,
  );
  const some = tx.db.select({ key: t.key }).from(t).where(isLeft).limit(most);
  const rows = await tx.db
    .update(t)
    .set({ state: 'skipped', reason, settledAt: tx.now, dueAt: null, owner: null })
    .where(and(inArray(t.key, some), isLeft))
    .returning({ variantKey: t.variantKey });
  const byVariant = new Map<number | null, number>();
  for (const { variantKey } of rows) byVariant.set(variantKey, (byVariant.get(variantKey) ?? 0) + 1);
  await moveTallies(
    tx,
    [...byVariant].map(([variantKey, recipients]) => ({
      mailingKey,
      from: { variantKey, state: from },
      to: { variantKey, state: 'skipped' },
      recipients,
    })),
  );
  return rows.length;
}
