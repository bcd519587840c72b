import { eq } from 'drizzle-orm';
import type { RecipientState } from '../../../schema/db/tables/sending.js';
import { bind, statement, type Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { readVerp } from '../links/verp.js';
import { DAY_MS } from '../../time.js';
import { noteBounce, noteComplaint, type Reach, type Returned } from '../sending/returns.js';
import type { Failure } from '../sending/verdicts.js';
import type { MailEvent } from '../subscriptions/mail-events.js';
import { readMailReport, type MailReport, type NoReport } from './mail-report.js';

/**
 * What a mail that came back has done. `repeated`: it was counted before. `ignored`, and why; `not_ours`: it is about no
 * mail that this server has sent; `too_late`: a bounce long after it was sent.
 */
export type Received =
  | { outcome: 'bounced' | 'soft_bounced' | 'refused' | 'complained' | 'repeated'; reason: null }
  | { outcome: 'ignored'; reason: NoReport | 'not_ours' | 'too_late' };

/** Mail servers give up within a week: a later bounce was made by somebody who found the code in a mail. */
const LATEST_BOUNCE_MS = 10 * DAY_MS;

/** The states in which a mail may have left. */
const LEFT: readonly RecipientState[] = ['sending', 'sent', 'uncertain', 'failed'];

const findRecipient = statement(
  'mailing_recipient_returned',
  ({ db, tables: { mailingRecipients: t } }: Tx) =>
    db
      .select({
        key: t.key,
        mailingKey: t.mailingKey,
        variantKey: t.variantKey,
        supporterKey: t.supporterKey,
        state: t.state,
        settledAt: t.settledAt,
      })
      .from(t)
      .where(eq(t.key, bind(t.key, 'key'))),
);

/**
 * Takes a mail that came to an envelope sender of a mailing, from who has the secret: a bounce or complaint is credited to
 * the recipient whom a code of ours names, whatever else it says. Everything else is ignored, also what it says about
 * other addresses.
 */
export async function receiveMail(ctx: Context, mail: Buffer): Promise<Received> {
  return creditReport(ctx, await readMailReport(mail), [], 'everywhere');
}

/** The same for a mail from anybody, which ends the subscription to the organization alone: for each of its recipients. */
export async function receiveFromAnybody(
  ctx: Context,
  mail: Buffer,
  recipients: readonly string[],
): Promise<Received[]> {
  const report = await readMailReport(mail);
  const received: Received[] = [];
  for (const recipient of recipients) received.push(await creditReport(ctx, report, [recipient], 'list'));
  return received;
}

async function creditReport(
  ctx: Context,
  report: MailReport,
  recipients: readonly string[],
  reach: Reach,
): Promise<Received> {
  if (report.kind === 'none') return ignored(report.why);
  const key = [...recipients, ...report.places].reduce<number | undefined>(
    (found, place) => found ?? readVerp(ctx, place),
    undefined,
  );
  if (key === undefined) return ignored('not_ours');
  const failure = report.kind === 'bounce' ? report.failure : null;
  return ctx.store.transact(async (tx) => {
    const recipient = await findSent(tx, key);
    if (!recipient) return ignored('not_ours');
    const { settledAt } = recipient;
    const isLate = settledAt && tx.now.getTime() - settledAt.getTime() > LATEST_BOUNCE_MS;
    return failure && isLate ? ignored('too_late') : credit(ctx, tx, recipient, failure, reach);
  });
}

const ignored = (reason: NoReport | 'not_ours' | 'too_late'): Received => ({ outcome: 'ignored', reason });

/** The recipient with this key, if the mail may have left. */
async function findSent(tx: Tx, key: number): Promise<Returned | undefined> {
  const [recipient] = (await findRecipient(tx, { key })) as (Returned & { state: RecipientState })[];
  return recipient && LEFT.includes(recipient.state) ? recipient : undefined;
}

/** Credits a bounce, or, without a failure, a complaint. */
async function credit(
  ctx: Context,
  tx: Tx,
  recipient: Returned,
  failure: Failure | null,
  reach: Reach,
): Promise<Received> {
  if (failure) {
    const result = await noteBounce(ctx, tx, recipient, failure, reach);
    return { outcome: (result as 'bounced' | null) ?? 'repeated', reason: null };
  }
  const isNew = await noteComplaint(ctx, tx, recipient, reach);
  return { outcome: isNew ? 'complained' : 'repeated', reason: null };
}

const FAILURES = { hard: { status: '5.1.1', diagnostic: '' }, soft: { status: '4.2.2', diagnostic: '' } };

/**
 * Credits what a mail provider has reported to the mailing. `places`: the envelope sender and the Message-ID of the mail;
 * without a code of ours in them nothing happens.
 */
export async function creditMailEvent(
  ctx: Context,
  { type, bounce = 'hard' }: Pick<MailEvent, 'type' | 'bounce'>,
  places: readonly (string | undefined)[],
): Promise<void> {
  const key = readVerp(ctx, places.filter(Boolean).join(' '));
  if (key === undefined) return;
  await ctx.store.transact(async (tx) => {
    const recipient = await findSent(tx, key);
    const failure = type === 'bounce' ? FAILURES[bounce] : null;
    if (recipient) await credit(ctx, tx, recipient, failure, 'everywhere');
  });
}
