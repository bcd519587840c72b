import type { MailKind } from '../../../schema/db/tables/mail.js';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { clusterOf } from '../email.js';
import { countMails, type OutboxRow } from '../mail/outbox.js';
import type { Cap } from './draft.js';
import type { Plan, Supporter } from './draft.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const WEEK = 7 * DAY;

/** What anybody can ask for. */
const ASKED: readonly MailKind[] = ['signed', 'already_signed', 'subscribed', 'reminder'];

const NOW_AND_THEN: readonly Cap[] = [
  { most: 1, ms: 15 * MINUTE },
  { most: 3, ms: DAY },
];

/** The budgets of all else. */
const OWN: Partial<Record<MailKind, readonly Cap[]>> = {
  manage: NOW_AND_THEN,
  unsubscribe_links: NOW_AND_THEN,
  // One for each list that was left, and a list can only be left again by who has come back to it.
  unsubscribed: [{ most: 10, ms: DAY }],
  email_apply: [
    { most: 3, ms: DAY },
    { most: 10, ms: WEEK },
  ],
  // A notice of safety: always.
  email_notice: [],
};

type Counting = Cap & { kinds: readonly MailKind[]; petitionKey?: number; supporterKey?: number };

/** The keyed hash that caps count by: of what all spellings of one mailbox have in common. */
export const recipientOf = ({ secrets }: Context, identity: string): Buffer =>
  secrets.subject(clusterOf(identity));

/** Whether a mail would be one too many for its mailbox. */
export async function isOverCap(
  ctx: Context,
  tx: Tx,
  mail: OutboxRow,
  plan: Plan,
  supporter: Supporter,
): Promise<boolean> {
  const { identity } = plan.to ?? supporter;
  const recipient = recipientOf(ctx, identity);
  // Mails that went to a tagged spelling before caps knew of mailboxes stand under that spelling.
  const recipients = [recipient, ctx.secrets.subject(identity)];
  // Two workers must not count the mails of one mailbox at the same time.
  await tx.lock(recipient);
  for (const { most, ms, ...narrowed } of capsOf(ctx, mail, plan, supporter)) {
    const since = new Date(ms === Infinity ? 0 : tx.now.getTime() - ms);
    if ((await countMails(tx, mail, recipients, since, narrowed)) >= most) return true;
  }
  return false;
}

function capsOf({ policy }: Context, mail: OutboxRow, plan: Plan, supporter: Supporter): Counting[] {
  const kind = plan.kind ?? mail.kind;
  const further = (plan.atMost ?? []).map((cap) => ({ ...cap, kinds: [kind] }));
  const own = OWN[kind];
  if (own) {
    const whose = plan.to || !isOwnName(supporter) ? {} : { supporterKey: supporter.key };
    return [...own.map((cap) => ({ ...cap, ...whose, kinds: [kind] })), ...further];
  }
  const asked: (Cap & { petitionKey?: number })[] = [
    { most: policy.perDay, ms: DAY },
    { most: policy.perWeek, ms: WEEK },
  ];
  const { petitionKey } = mail;
  if (petitionKey !== null) asked.push({ most: policy.perPetition, ms: Infinity, petitionKey });
  return [...asked.map((cap) => ({ ...cap, kinds: ASKED })), ...further];
}

/**
 * Whether an address has a budget of its own: it was proven, or it is the plain spelling of its mailbox. All others share
 * that of the mailbox: anybody can make them up, and must not use up with them what its owner may ask for.
 */
const isOwnName = ({ identity, provenAt }: Supporter): boolean =>
  provenAt !== null || clusterOf(identity) === identity;
