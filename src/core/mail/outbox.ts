import { and, asc, count, eq, gt, inArray, isNull, lte, min, ne, or } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { MailKind } from '../../../schema/db/tables/mail.js';
import { bindAll, statement, type Reader, type Store, type Tx } from '../../store/store.js';
import { countAsked } from './asked-mailboxes.js';

/*
 * The outbox: mails wait in the database until a worker claims, sends and settles them. Several processes may do that.
 */

export type OutboxRow = Tables['outbox']['$inferSelect'];

/** What a mail is about; each kind needs some of these. */
export type MailSubject = Partial<
  Pick<
    OutboxRow,
    | 'requestKey'
    | 'petitionKey'
    | 'organizationKey'
    | 'subscriptionKey'
    | 'emailChangeKey'
    | 'variantKey'
    | 'deliveryKey'
    | 'locale'
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
  'variantKey',
  'deliveryKey',
  'locale',
  'dueAt',
  'createdAt',
] as const;

const insertMail = statement('outbox_insert', ({ db, tables: { outbox } }: Tx) =>
  db.insert(outbox).values({ ...bindAll(outbox, COLUMNS), state: 'queued', attempts: 0 }),
);

/**
 * Queues a mail in the transaction that causes it, so that both are committed or neither. Whether it is sent, and what
 * it says, is decided when its turn comes (src/core/letters/prepare-mail.ts). Call `ctx.mailWaits()` after the commit.
 *
 * A delivery goes to its own address, all other mails to a supporter.
 *
 * For an unknown address (`supporterKey` null) a row is queued as well, and dropped in its turn. Do not skip it: a
 * request about an unknown address must take as many writes, and as long, as one about a known address.
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
    variantKey: about.variantKey ?? null,
    deliveryKey: about.deliveryKey ?? null,
    locale: about.locale ?? null,
    dueAt: tx.now,
    createdAt: tx.now,
  });
}

/**
 * Leases up to `limit` due mails for `leaseMs`. No other worker gets them until then; afterwards, a mail that is not
 * settled is free again, since its worker must have died.
 */
export const claimMails = (store: Store, limit: number, leaseMs: number): Promise<OutboxRow[]> =>
  store.transact(({ db, tables: { outbox: t }, now }) => {
    const isDue = and(isNull(t.settledAt), lte(t.dueAt, now));
    const due = db.select({ key: t.key }).from(t).where(isDue).orderBy(asc(t.dueAt)).limit(limit);
    // The condition is repeated outside, because another process may have claimed rows since the inner select.
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

/**
 * Records the outcome of a claimed mail. If the lease expired and another worker has settled the mail, that outcome
 * stays.
 */
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

/** How many mails are unsettled, those being sent included, and when the oldest was queued. */
export async function readQueue(on: Reader): Promise<QueueState> {
  const { outbox: t } = on.tables;
  const [row] = await on.db
    .select({ queued: count(), oldestAt: min(t.createdAt) })
    .from(t)
    .where(isNull(t.settledAt));
  return row ?? { queued: 0, oldestAt: null };
}

/** How many mails of these kinds a mailbox has got since an instant or is about to get, not counting `besides`. */
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
