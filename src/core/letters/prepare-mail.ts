import { eq } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { TOKEN_BYTES } from '../links/random-tokens.js';
import { isBlocked } from '../mail/do-not-contact.js';
import { settleMail, type OutboxRow } from '../mail/outbox.js';
import { deliveryAddressee, deliveryLetter } from './delivery-letter.js';
import type { Addressee, Drop, MailedSupporter, Plan } from './draft.js';
import { WRITERS } from './letter-writers.js';
import type { Letter } from './letter.js';
import { isOverCap, recipientOf } from './mail-caps.js';
import { testMailboxOf } from './test-mail.js';

/**
 * Turns a claimed mail into a letter; undefined when it must not be sent, in which case it is already settled with the
 * reason. Tokens are made here, so none waits in the outbox; a second attempt makes new ones, and both work.
 */
export async function prepareMail(ctx: Context, mail: OutboxRow): Promise<Letter | undefined> {
  const random = { token: ctx.random(TOKEN_BYTES), code: sixDigits(ctx.random) };
  return ctx.store.transact(async (tx) => {
    const { plan, person } = await planOf(ctx, tx, mail, random);
    const mailbox = 'drop' in plan ? plan : await testMailboxOf(ctx, tx, mail, person);
    const refusal = 'drop' in mailbox ? mailbox.drop : await refusalOf(ctx, tx, mail, plan as Plan, person);
    if (refusal !== undefined) {
      if (refusal === 'capped') await (plan as Plan).whenCapped?.();
      await settleMail(tx, mail, { state: 'dropped', reason: refusal });
      return undefined;
    }
    const letter = await write(ctx, tx, mail, plan as Plan, person);
    const to = 'to' in mailbox ? mailbox.to : null;
    return to === null ? letter : { ...letter, to, testFor: letter.to };
  });
}

/** What the mail says, and to whom it goes: to nobody if it is dropped. */
async function planOf(
  ctx: Context,
  tx: Tx,
  mail: OutboxRow,
  random: { token: Buffer; code: string },
): Promise<{ plan: Plan | Drop; person: Addressee }> {
  if (mail.kind === 'delivery') {
    const person = await deliveryAddressee(tx, mail);
    const plan = person ? await deliveryLetter({ ctx, tx, mail, random }) : { drop: 'nobody' };
    return { plan, person: person as Addressee };
  }
  const supporter = await lockSupporter(tx, mail.supporterKey);
  const plan = supporter
    ? await WRITERS[mail.kind]({ ctx, tx, mail, supporter, random })
    : { drop: 'nobody' };
  return { plan, person: supporter as Addressee };
}

/** Locks the supporter's row, so that no erasure can commit while a mail to that supporter is being made. */
async function lockSupporter(tx: Tx, key: number | null): Promise<MailedSupporter | undefined> {
  if (key === null) return undefined;
  const { supporters: t } = tx.tables;
  const [row] = await tx.db.update(t).set({ linkEpoch: t.linkEpoch }).where(eq(t.key, key)).returning();
  return row && row.erasedAt === null ? row : undefined;
}

/** Why a mail must not be sent; undefined: it may. */
async function refusalOf(
  ctx: Context,
  tx: Tx,
  mail: OutboxRow,
  plan: Plan,
  supporter: Addressee,
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
  supporter: Addressee,
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

/** 000000 to 999999, all equally likely. */
function sixDigits(random: Context['random']): string {
  for (;;) {
    const number = random(4).readUInt32BE();
    // The largest multiple of a million below 2^32.
    if (number < 4_294_000_000) return String(number % 1_000_000).padStart(6, '0');
  }
}
