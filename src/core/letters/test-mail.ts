import { and, count, eq, gt, ne } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { parseEmail } from '../email.js';
import { isBlocked } from '../mail/do-not-contact.js';
import type { OutboxRow } from '../mail/outbox.js';
import { DAY_MS } from '../../time.js';
import type { Addressee } from './draft.js';

/*
 * Mails to the supporters of a test organization go to the mailbox that it names, whatever address was typed. Caps count
 * by the typed address, as always, and once more together: anyone can sign, and must not flood that mailbox.
 */

const PER_DAY = 200;

/** Where mails to this supporter really go; null: to the supporter. `drop`: why they go nowhere. */
export async function testMailboxOf(
  ctx: Context,
  tx: Tx,
  mail: OutboxRow,
  { testOrganizationKey }: Pick<Addressee, 'testOrganizationKey'>,
): Promise<{ to: string | null } | { drop: string }> {
  if (testOrganizationKey === null) return { to: null };
  const { organizations: t } = tx.tables;
  const [owner] = await tx.db
    .select({ testEmail: t.testEmail })
    .from(t)
    .where(eq(t.key, testOrganizationKey));
  const mailbox = owner?.testEmail ? parseEmail(owner.testEmail) : undefined;
  if (!mailbox) return { drop: 'no_test_email' };
  // Who asked never to be mailed gets no tests either.
  if (await isBlocked(tx, ctx.secrets.subject(mailbox.identity))) return { drop: 'do_not_contact' };
  const sent = await countTestMails(tx, mail, testOrganizationKey);
  return sent >= PER_DAY ? { drop: 'capped' } : { to: mailbox.delivery };
}

async function countTestMails(tx: Tx, { key }: OutboxRow, testOrganizationKey: number): Promise<number> {
  const { outbox: t, supporters } = tx.tables;
  const [row] = await tx.db
    .select({ mails: count() })
    .from(supporters)
    .innerJoin(t, eq(t.supporterKey, supporters.key))
    .where(
      and(
        eq(supporters.testOrganizationKey, testOrganizationKey),
        ne(t.key, key),
        eq(t.state, 'sent'),
        gt(t.settledAt, new Date(tx.now.getTime() - DAY_MS)),
      ),
    );
  return row?.mails ?? 0;
}
