import { and, eq, isNull, or, sql } from 'drizzle-orm';
import type { MailingOutcome } from '../../../schema/db/tables/sending.js';
import { bind, bindAll, statement, type Reader, type Tx } from '../../store/store.js';
import { HOUR_MS } from '../../time.js';

/* What happened to a mailing, by variant and hour. */

/** A mailing as a personal link names it. `variantKey` 0 or null: not known. */
export type NamedMailing = { mailingKey: number; variantKey: number | null };

const addToHour = statement('mailing_hour_add', ({ db, tables: { mailingHours: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['mailingKey', 'variantKey', 'hour', 'outcome', 'events']))
    .onConflictDoUpdate({
      target: [t.mailingKey, t.variantKey, t.hour, t.outcome],
      set: { events: sql`${t.events} + excluded.events` },
    }),
);

/** Counts something that happened in an hour since 1970: that of this transaction, if absent. */
export async function countOutcome(
  tx: Tx,
  { mailingKey, variantKey }: NamedMailing,
  outcome: MailingOutcome,
  events = 1,
  hour = Math.floor(tx.now.getTime() / HOUR_MS),
): Promise<void> {
  await addToHour(tx, { mailingKey, variantKey: variantKey ?? 0, hour, outcome, events });
}

const byVariant = statement(
  'mailing_by_variant',
  ({ db, tables: { mailingVariants: v, mailings: t } }: Reader) =>
    db
      .select({ mailingKey: t.key, organizationKey: t.organizationKey, variantKey: v.key })
      .from(v)
      .innerJoin(t, eq(t.key, v.mailingKey))
      .where(eq(v.handle, bind(v.handle, 'handle'))),
);

const byHandle = statement('mailing_by_handle', ({ db, tables: { mailings: t } }: Reader) =>
  db
    .select({ mailingKey: t.key, organizationKey: t.organizationKey })
    .from(t)
    .where(eq(t.handle, bind(t.handle, 'handle'))),
);

/** The mailing of this organization that a handle in a personal link is of, or whose variant's. */
export async function mailingOfHandle(
  on: Reader,
  handle: Buffer,
  organizationKey: number,
): Promise<NamedMailing | undefined> {
  const [variant] = await byVariant(on, { handle });
  const [mailing] = variant ? [variant] : await byHandle(on, { handle });
  return mailing?.organizationKey === organizationKey
    ? { mailingKey: mailing.mailingKey, variantKey: variant?.variantKey ?? null }
    : undefined;
}

/**
 * Counts that a recipient left the list by a link of the mailing: each once, also one who came back and left again. Who
 * got it from another mailer is in no audience, and is counted at each leaving. A weightier result stays.
 */
export async function countLeaving(tx: Tx, mailing: NamedMailing, subscriptionKey: number): Promise<void> {
  const { mailingRecipients: t } = tx.tables;
  const isTheirs = and(eq(t.mailingKey, mailing.mailingKey), eq(t.subscriptionKey, subscriptionKey));
  const [recipient] = await tx.db
    .select({ result: t.result, variantKey: t.variantKey })
    .from(t)
    .where(isTheirs);
  if (recipient?.result === 'unsubscribed') return;
  const variantKey = mailing.variantKey ?? recipient?.variantKey ?? null;
  await countOutcome(tx, { ...mailing, variantKey }, 'unsubscribed');
  if (!recipient) return;
  await tx.db
    .update(t)
    .set({ result: 'unsubscribed', resultAt: tx.now })
    .where(and(isTheirs, or(isNull(t.result), eq(t.result, 'soft_bounced'))));
}
