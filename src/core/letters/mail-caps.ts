import type { MailKind } from '../../../schema/db/tables/mail.js';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { clusterOf } from '../email.js';
import { countMails, type OutboxRow } from '../mail/outbox.js';
import type { Cap } from './draft.js';
import type { Addressee, Plan } from './draft.js';
import { DAY_MS, MINUTE_MS } from '../../time.js';

/* How many mails of each kind one mailbox may get. draft.ts explains which mails share a budget. */

const WEEK = 7 * DAY_MS;

/** Mails that anyone can cause by typing an address. They share the budget of the policy. */
const ASKED: readonly MailKind[] = ['signed', 'already_signed', 'subscribed', 'reminder'];

const NOW_AND_THEN: readonly Cap[] = [
  { most: 1, ms: 15 * MINUTE_MS },
  { most: 3, ms: DAY_MS },
];

/** Separate budgets, for all other kinds. */
const OWN: Partial<Record<MailKind, readonly Cap[]>> = {
  manage: NOW_AND_THEN,
  unsubscribe_links: NOW_AND_THEN,
  // One mail per list that was left; leaving the same list again needs a new subscription first.
  unsubscribed: [{ most: 10, ms: DAY_MS }],
  email_apply: [
    { most: 3, ms: DAY_MS },
    { most: 10, ms: WEEK },
  ],
  // Asked for by an organization that the person is subscribed to; eight variants at a time.
  mailing_test: [{ most: 40, ms: DAY_MS }],
  // Organizations send them, each with a key of theirs.
  delivery: [{ most: 10, ms: DAY_MS }],
  // A security notice is always sent.
  email_notice: [],
};

type Counting = Cap & { kinds: readonly MailKind[]; petitionKey?: number; supporterKey?: number };

/** The keyed hash that caps count by, the same for all spellings of one mailbox. */
export const recipientOf = ({ secrets }: Context, identity: string): Buffer =>
  secrets.subject(clusterOf(identity));

/** Whether this mail would exceed a cap of its mailbox. */
export async function isOverCap(
  ctx: Context,
  tx: Tx,
  mail: OutboxRow,
  plan: Plan,
  supporter: Addressee,
): Promise<boolean> {
  const { identity } = plan.to ?? supporter;
  const recipient = recipientOf(ctx, identity);
  // Older mails to a tagged spelling were stored under that spelling.
  const recipients = [recipient, ctx.secrets.subject(identity)];
  // Two workers must not count the mails of one mailbox at the same time.
  await tx.lock(recipient);
  for (const { most, ms, ...narrowed } of capsOf(ctx, mail, plan, supporter)) {
    const since = new Date(ms === Infinity ? 0 : tx.now.getTime() - ms);
    if ((await countMails(tx, mail, recipients, since, narrowed)) >= most) return true;
  }
  return false;
}

function capsOf({ policy }: Context, mail: OutboxRow, plan: Plan, supporter: Addressee): Counting[] {
  const kind = plan.kind ?? mail.kind;
  const further = (plan.atMost ?? []).map((cap) => ({ ...cap, kinds: [kind] }));
  const own = OWN[kind];
  if (own) {
    const whose =
      plan.to || supporter.key === null || !isOwnName(supporter) ? {} : { supporterKey: supporter.key };
    return [...own.map((cap) => ({ ...cap, ...whose, kinds: [kind] })), ...further];
  }
  const asked: (Cap & { petitionKey?: number })[] = [
    { most: policy.perDay, ms: DAY_MS },
    { most: policy.perWeek, ms: WEEK },
  ];
  const { petitionKey } = mail;
  if (petitionKey !== null) asked.push({ most: policy.perPetition, ms: Infinity, petitionKey });
  return [...asked.map((cap) => ({ ...cap, kinds: ASKED })), ...further];
}

/**
 * Whether the address has its own budget: it was proven, or is the plain spelling of its mailbox. All other spellings
 * share one, since anyone can invent them, and must not use up what the owner may ask for.
 */
const isOwnName = ({ identity, provenAt }: Addressee): boolean =>
  provenAt !== null || clusterOf(identity) === identity;
