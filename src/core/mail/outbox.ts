import { and, asc, count, eq, gt, inArray, isNull, lte, min, ne, or } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { MailKind } from '../../../schema/db/tables/mail.js';
import { bindAll, statement, type Reader, type Store, type Tx } from '../../store/store.js';
import { countAsked } from './asked-mailboxes.js';

export type OutboxRow = Tables['outbox']['$inferSelect'];

/** What a mail is about: the keys that its kind needs. */
export type MailSubject = Partial<
  Pick<
    OutboxRow,
    'requestKey' | 'petitionKey' | 'organizationKey' | 'subscriptionKey' | 'emailChangeKey' | 'locale'
  >
>;

const COLUMNS = [
  'kind',
  'supporterKey',
  'requestKey',
  'petitionKey',
  'organizationKey',
  'subscriptionKey',
  'emailChangeKey',
  'locale',
  'dueAt',
  'createdAt',
] as const;

const insertMail = statement('outbox_insert', ({ db, tables: { outbox } }: Tx) =>
  db.insert(outbox).values({ ...bindAll(outbox, COLUMNS), state: 'queued', attempts: 0 }),
);

/**
 * Queues a mail in the transaction of what it reports: both happen or neither. Whether it is sent, and what it says, is
 * decided when its turn comes (src/core/letters/prepare-mail.ts). Call `ctx.mailWaits()` after the commit.
 *
 * For an address that nobody here has (`supporterKey` null) a row is queued all the same, and dropped in its turn: so a
 * request for it writes, syncs and lasts as one for a known address does.
 */
export async function queueMail(
  tx: Tx,
  kind: MailKind,
  supporterKey: number | null,
  about: MailSubject = {},
): Promise<void> {
  await insertMail(tx, {
    kind,
    supporterKey,
    requestKey: about.requestKey ?? null,
    petitionKey: about.petitionKey ?? null,
    organizationKey: about.organizationKey ?? null,
    subscriptionKey: about.subscriptionKey ?? null,
    emailChangeKey: about.emailChangeKey ?? null,
    locale: about.locale ?? null,
    dueAt: tx.now,
    createdAt: tx.now,
  });
}

/**
 * Takes up to `limit` mails that are due, for `leaseMs`: until then nobody else gets them, and after it, if they are not
 * settled, their worker is taken for dead.
 */
export const claimMails = (store: Store, limit: number, leaseMs: number): Promise<OutboxRow[]> =>
  store.transact(({ db, tables: { outbox: t }, now }) => {
    const isDue = and(isNull(t.settledAt), lte(t.dueAt, now));
    const due = db.select({ key: t.key }).from(t).where(isDue).orderBy(asc(t.dueAt)).limit(limit);
    // Asked again from outside: another process may have been quicker than the inner select.
    return db
      .update(t)
      .set({ state: 'sending', dueAt: new Date(now.getTime() + leaseMs) })
      .where(and(inArray(t.key, due), isDue))
      .returning();
  });

export type Settlement =
  | { state: 'sent' }
  | { state: 'dropped' | 'failed'; reason: string }
  | { state: 'queued'; reason: string; dueAt: Date };

/** Writes down what became of a claimed mail. A lease that ran out meanwhile is not fought over: the other wins. */
export async function settleMail(tx: Tx, mail: OutboxRow, settlement: Settlement): Promise<void> {
  const { outbox: t } = tx.tables;
  const { state } = settlement;
  const settled = await tx.db
    .update(t)
    .set({
      state,
      reason: 'reason' in settlement ? settlement.reason : null,
      attempts: mail.attempts + 1,
      ...(settlement.state === 'queued' ? { dueAt: settlement.dueAt } : { settledAt: tx.now }),
    })
    .where(and(eq(t.key, mail.key), isNull(t.settledAt)))
    .returning({ key: t.key });
  if (settled.length === 0 || state !== 'sent' || mail.kind !== 'signed' || mail.requestKey === null) return;
  await countAsked(tx, { key: mail.key, requestKey: mail.requestKey });
}

export type QueueState = { queued: number; oldestAt: Date | null };

/** How many mails wait, the ones that are on their way included, and since when the oldest does. */
export async function readQueue(on: Reader): Promise<QueueState> {
  const { outbox: t } = on.tables;
  const [row] = await on.db
    .select({ queued: count(), oldestAt: min(t.createdAt) })
    .from(t)
    .where(isNull(t.settledAt));
  return row ?? { queued: 0, oldestAt: null };
}

/** How many mails of these kinds a mailbox got since an instant, or is about to get, besides this one. */
export async function countMails(
  on: Reader,
  besides: Pick<OutboxRow, 'key'>,
  recipients: Buffer[],
  since: Date,
  {
    kinds,
    petitionKey,
    supporterKey,
  }: { kinds: readonly MailKind[]; petitionKey?: number; supporterKey?: number },
): Promise<number> {
  const { outbox: t } = on.tables;
  const [row] = await on.db
    .select({ mails: count() })
    .from(t)
    .where(
      and(
        inArray(t.recipient, recipients),
        ne(t.key, besides.key),
        inArray(t.kind, [...kinds]),
        petitionKey === undefined ? undefined : eq(t.petitionKey, petitionKey),
        supporterKey === undefined ? undefined : eq(t.supporterKey, supporterKey),
        or(and(eq(t.state, 'sent'), gt(t.settledAt, since)), inArray(t.state, ['sending', 'queued'])),
      ),
    );
  return row?.mails ?? 0;
}
