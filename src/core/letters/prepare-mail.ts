import { eq } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { TOKEN_BYTES } from '../links/random-tokens.js';
import { isBlocked } from '../mail/do-not-contact.js';
import { settleMail, type OutboxRow } from '../mail/outbox.js';
import type { Plan, Supporter } from './draft.js';
import { WRITERS } from './letter-writers.js';
import type { Letter } from './letter.js';
import { isOverCap, recipientOf } from './mail-caps.js';

/**
 * Prepares a claimed mail. Returns undefined when nothing is to be sent; then it is settled already, with the reason.
 * Links in it are made now: a second attempt makes new ones, and both work. So no token waits in a table.
 */
export async function prepareMail(ctx: Context, mail: OutboxRow): Promise<Letter | undefined> {
  const random = { token: ctx.random(TOKEN_BYTES), code: sixDigits(ctx.random) };
  return ctx.store.transact(async (tx) => {
    const supporter = await lockSupporter(tx, mail.supporterKey);
    const plan = supporter
      ? await WRITERS[mail.kind]({ ctx, tx, mail, supporter, random })
      : { drop: 'nobody' };
    const refusal = 'drop' in plan ? plan.drop : await refusalOf(ctx, tx, mail, plan, supporter as Supporter);
    if (refusal !== undefined) {
      if (refusal === 'capped') await (plan as Plan).whenCapped?.();
      await settleMail(tx, mail, { state: 'dropped', reason: refusal });
      return undefined;
    }
    return write(ctx, tx, mail, plan as Plan, supporter as Supporter);
  });
}

/** Takes the row for writing, so that nobody is erased while a mail to them is made. */
async function lockSupporter(tx: Tx, key: number | null): Promise<Supporter | undefined> {
  if (key === null) return undefined;
  const { supporters: t } = tx.tables;
  const [row] = await tx.db.update(t).set({ linkEpoch: t.linkEpoch }).where(eq(t.key, key)).returning();
  return row && row.erasedAt === null ? row : undefined;
}

/** Why a mail must not leave; undefined when it may. */
async function refusalOf(
  ctx: Context,
  tx: Tx,
  mail: OutboxRow,
  plan: Plan,
  supporter: Supporter,
): Promise<string | undefined> {
  const subject = ctx.secrets.subject((plan.to ?? supporter).identity);
  if (await isBlocked(tx, subject)) return 'do_not_contact';
  return (await isOverCap(ctx, tx, mail, plan, supporter)) ? 'capped' : undefined;
}

async function write(
  ctx: Context,
  tx: Tx,
  mail: OutboxRow,
  plan: Plan,
  supporter: Supporter,
): Promise<Letter> {
  const { outbox: t, organizations } = tx.tables;
  const [organization] =
    plan.organizationKey === null
      ? []
      : await tx.db
          .select({
            name: organizations.name,
            url: organizations.url,
            imprint: organizations.imprint,
            replyTo: organizations.replyTo,
          })
          .from(organizations)
          .where(eq(organizations.key, plan.organizationKey));
  const { identity, delivery } = plan.to ?? supporter;
  await tx.db
    .update(t)
    .set({ recipient: recipientOf(ctx, identity), kind: plan.kind ?? mail.kind })
    .where(eq(t.key, mail.key));
  return {
    template: plan.template,
    to: delivery,
    messageId: ctx.secrets.messageId(mail.key),
    locale: plan.locale,
    organization: organization ?? null,
    values: await plan.fill(),
  };
}

/** 000000 to 999999, each as likely as the other. */
function sixDigits(random: Context['random']): string {
  for (;;) {
    const number = random(4).readUInt32BE();
    // The largest multiple of a million below 2^32.
    if (number < 4_294_000_000) return String(number % 1_000_000).padStart(6, '0');
  }
}
