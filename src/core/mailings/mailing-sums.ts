import { eq, sql } from 'drizzle-orm';
import type { MailingSums } from '../../../schema/db/tables/mailings.js';
import { bind, statement, type Reader } from '../../store/store.js';

const sumsByOutcome = statement('mailing_sums', ({ db, tables: { mailingHours: t } }: Reader) =>
  db
    .select({ outcome: t.outcome, events: sql<number>`sum(${t.events})`.mapWith(Number) })
    .from(t)
    .where(eq(t.mailingKey, bind(t.mailingKey, 'mailingKey')))
    .groupBy(t.outcome),
);

/** What has become of a mailing so far. */
export async function readSums(on: Reader, mailingKey: number): Promise<MailingSums> {
  const sums = { sent: 0, failed: 0, bounced: 0, complained: 0, unsubscribed: 0 };
  for (const { outcome, events } of await sumsByOutcome(on, { mailingKey })) {
    if (outcome in sums) sums[outcome as keyof MailingSums] = events;
  }
  return sums;
}
