import { and, eq } from 'drizzle-orm';
import type { MailingSums, PauseReason } from '../../../schema/db/tables/mailings.js';
import type { Tx } from '../../store/store.js';
import { readSums } from '../mailings/mailing-sums.js';
import { canMove } from '../mailings/moves.js';
import { readPolicy, type Policy } from './policies.js';

/*
 * The breaker: a mailing that brings more bounces, complaints or unsubscribes than it should is paused, before the rest of
 * the audience and the reputation of the sender suffer. Only an organiser lets it go on.
 */

/**
 * Pauses the mailing if what came back is too much, and tells why; undefined: it goes on. Call it in the transaction that
 * counts outcomes, after it has counted them.
 */
export async function judgeMailing(tx: Tx, mailingKey: number): Promise<PauseReason | undefined> {
  const { mailings: t } = tx.tables;
  const [mailing] = await tx.db
    .select({ state: t.state, organizationKey: t.organizationKey, judgedFrom: t.judgedFrom })
    .from(t)
    .where(eq(t.key, mailingKey));
  if (!mailing || !canMove(mailing.state, 'pause')) return undefined;
  const { breaker } = await readPolicy(tx, mailing.organizationKey);
  const reason = reasonToPause(await readSums(tx, mailingKey), mailing.judgedFrom, breaker);
  if (reason === undefined) return undefined;
  const paused = await tx.db
    .update(t)
    .set({ state: 'paused', pausedFrom: mailing.state, pauseReason: reason, updatedAt: tx.now })
    .where(and(eq(t.key, mailingKey), eq(t.state, mailing.state)))
    .returning({ key: t.key });
  // Otherwise an organiser was quicker.
  return paused.length > 0 ? reason : undefined;
}

/** What is too much, if anything is, of what happened since the organiser last let it go on. */
export function reasonToPause(
  sums: MailingSums,
  from: MailingSums | null,
  { bounces, complaints, unsubscribes, after }: Policy['breaker'],
): 'bounces' | 'complaints' | 'unsubscribes' | undefined {
  const since = (name: keyof MailingSums) => sums[name] - (from?.[name] ?? 0);
  // A refusal by the recipient's server at once is a bounce, too: among `failed`, and not in `bounced` here.
  const tried = since('sent') + since('failed');
  if (tried < after) return undefined;
  const isMore = (events: number, percent: number) => events * 100 > percent * tried;
  if (isMore(since('bounced') + since('failed'), bounces)) return 'bounces';
  if (isMore(since('complained'), complaints)) return 'complaints';
  if (isMore(since('unsubscribed'), unsubscribes)) return 'unsubscribes';
  return undefined;
}
