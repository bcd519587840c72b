import { and, asc, count, eq, gt, gte, inArray, isNotNull, isNull, ne, or } from 'drizzle-orm';
import type { RecipientResult } from '../../../schema/db/tables/sending.js';
import type { Reader, Tx } from '../../store/store.js';
import { DAY_MS } from '../../time.js';
import type { Context } from '../context.js';
import { suppress, suppressFor } from '../subscriptions/mail-events.js';
import { countOutcome } from '../counts/mailing-counts.js';
import { verdictOf, type Failure, type Verdict } from './verdicts.js';

/* What comes back of a mailing: bounces and complaints, credited to the recipient, the mailing and the wording. */

/** A recipient about whom something came back. `settledAt`: when the mail was sent; null: just now. */
export type Returned = {
  key: number;
  mailingKey: number;
  variantKey: number | null;
  supporterKey: number | null;
  settledAt?: Date | null;
};

/**
 * What a return may end. `list`: the subscription to the organization of the mailing alone, where anybody who has the
 * mail could have sent it: its headers hold the code, and mails are forwarded.
 */
export type Reach = 'everywhere' | 'list';

/** A mailbox that fails softly this often in this time is as good as gone. */
const MOST_SOFT = 3;
const SOFT_MS = 30 * DAY_MS;

/** A result replaces those that weigh less; so each event counts once, however often it is reported. */
const WEIGHT: Record<RecipientResult, number> = {
  soft_bounced: 1,
  refused: 1,
  unsubscribed: 2,
  bounced: 3,
  complained: 4,
};

const lighter = (result: RecipientResult): RecipientResult[] =>
  (Object.keys(WEIGHT) as RecipientResult[]).filter((other) => WEIGHT[other] < WEIGHT[result]);

/** Notes a result of a recipient and counts it in this hour. Returns whether it is new. */
export async function noteResult(tx: Tx, recipient: Returned, result: RecipientResult): Promise<boolean> {
  const { mailingRecipients: t } = tx.tables;
  const changed = await tx.db
    .update(t)
    .set({ result, resultAt: tx.now })
    .where(and(eq(t.key, recipient.key), or(isNull(t.result), inArray(t.result, lighter(result)))))
    .returning({ key: t.key });
  if (changed.length === 0) return false;
  await countOutcome(tx, recipient, result);
  return true;
}

/** A mail came back. Returns how it is counted; null: it was counted before. */
export async function noteBounce(
  ctx: Context,
  tx: Tx,
  recipient: Returned,
  failure: Failure,
  reach: Reach = 'everywhere',
): Promise<RecipientResult | null> {
  const result = await resultOf(tx, recipient, verdictOf(failure));
  if (!(await noteResult(tx, recipient, result))) return null;
  if (result === 'bounced') await suppressThen(ctx, tx, recipient, 'bounce', reach);
  return result;
}

/** The recipient reported the mail as spam. Returns whether that is new. */
export async function noteComplaint(
  ctx: Context,
  tx: Tx,
  recipient: Returned,
  reach: Reach,
): Promise<boolean> {
  if (!(await noteResult(tx, recipient, 'complained'))) return false;
  await suppressThen(ctx, tx, recipient, 'complaint', reach);
  return true;
}

async function resultOf(
  tx: Tx,
  { key, supporterKey }: Returned,
  verdict: Verdict,
): Promise<'bounced' | 'soft_bounced' | 'refused'> {
  if (verdict === 'hard') return 'bounced';
  if (verdict === 'refused' || supporterKey === null) {
    return verdict === 'refused' ? 'refused' : 'soft_bounced';
  }
  const { mailingRecipients: t } = tx.tables;
  const [before] = await tx.db
    .select({ soft: count() })
    .from(t)
    .where(
      and(
        eq(t.supporterKey, supporterKey),
        eq(t.result, 'soft_bounced'),
        gt(t.resultAt, new Date(tx.now.getTime() - SOFT_MS)),
        ne(t.key, key),
      ),
    );
  return (before?.soft ?? 0) + 1 >= MOST_SOFT ? 'bounced' : 'soft_bounced';
}

/** The address to which the mail went is not mailed any more, by anybody or by the organization. That of a person who has moved since is left alone. */
async function suppressThen(
  ctx: Context,
  tx: Tx,
  { mailingKey, supporterKey, settledAt }: Returned,
  reason: 'bounce' | 'complaint',
  reach: Reach,
): Promise<void> {
  if (supporterKey === null) return;
  const identity = await identityAt(tx, supporterKey, settledAt ?? tx.now);
  if (identity === undefined) return;
  if (reach === 'everywhere') return suppress(ctx, tx, identity, reason);
  const { mailings: t } = tx.tables;
  const [mailing] = await tx.db.select({ of: t.organizationKey }).from(t).where(eq(t.key, mailingKey));
  if (mailing) await suppressFor(ctx, tx, mailing.of, identity, reason);
}

async function identityAt(on: Reader, supporterKey: number, at: Date): Promise<string | undefined> {
  const { supporters: t, emailChanges: c } = on.tables;
  const [moved] = await on.db
    .select({ identity: c.oldIdentity })
    .from(c)
    .where(
      and(eq(c.supporterKey, supporterKey), isNotNull(c.appliedAt), isNull(c.undoneAt), gte(c.appliedAt, at)),
    )
    .orderBy(asc(c.key))
    .limit(1);
  if (moved) return moved.identity;
  const [now] = await on.db
    .select({ identity: t.identity })
    .from(t)
    .where(and(eq(t.key, supporterKey), isNull(t.erasedAt)));
  return now?.identity;
}
