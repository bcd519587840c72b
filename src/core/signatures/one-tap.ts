import type { Tx } from '../../store/store.js';
import { DAY_MS } from '../../time.js';
import { UNKNOWN_CALLER, type Actor, type Caller } from '../actor.js';
import type { Context } from '../context.js';
import { once, type Retry } from '../idempotency.js';
import { wasAsked } from '../mail/confirmation-requests.js';
import { queueMail } from '../mail/outbox.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import { admitSigning, type Admission } from './admit-signing.js';
import { askMailbox } from './ask-mailbox.js';
import { findRecipient, knownWords, type MailRecipient } from './mail-recipient.js';
import { readSigning, type Signing } from './read-signing.js';
import type { SignInput } from './sign-input.js';
import { findSigned } from './signature-rows.js';
import { inTransaction } from './signing.js';
import { askTapped, requestTap } from './taps.js';
import { writeSigning } from './write-signing.js';

/** A request to sign as the recipient of a mail. */
export type TapInput = Pick<SignInput, 'locale' | 'source' | 'utm' | 'optIns' | 'shareCode' | 'altcha'> & {
  recognition: string;
};

/** What can be said to anyone who has a mail: nothing of its recipient, not even whether the token works. */
export type Tapped = {
  petitionId: string;
  confirmation: PetitionHead['confirmation'];
  published: number;
};

/**
 * In place of the address, where there is none: every request does the same work. A new one each time, since requests with
 * the same address wait for each other.
 */
const nobody = (ctx: Context): string => `nobody-${ctx.random(9).toString('hex')}@undersigned.invalid`;

/** A mailbox is asked about a petition so often at most, however often its mail is forwarded and tapped. */
const PAUSE_MS = DAY_MS;

/**
 * Signs as the recipient of the mail whose personal link brought the visitor, who may be anyone: mails are forwarded. So the
 * signature waits for their mailbox, also where the petition asks for no confirmation, and so do all opt-ins. By a mail of
 * a partner there is none before the mailbox has answered: see taps.ts. Where not all is known that the petition requires, the mail leads to its form. For a token that does not work, a mailbox that was asked
 * lately, and what looks like a machine, nothing happens, and the answer is the same.
 *
 * Throws `form_required` where only the form will do, and what `readSigning` and `admitSigning` throw of the petition and
 * the caller.
 */
export async function signByMail(
  ctx: Context,
  actor: Actor,
  petitionRef: string,
  input: TapInput,
  retry?: Retry,
  caller: Caller = UNKNOWN_CALLER,
): Promise<Tapped> {
  const recipient = await findRecipient(ctx, ctx.store.read, input.recognition, ctx.now());
  // A tap is quick: how long a form was open tells nothing of it.
  const asTyped = { ...input, email: recipient?.delivery ?? nobody(ctx), name: '', formToken: null };
  const signing = await readSigning(ctx, actor, petitionRef, asTyped, caller, { tapped: true });
  const tapped = await inTransaction(ctx, signing, retry, (tx) =>
    once(tx, retry, () => tap(ctx, tx, signing, input.recognition)),
  );
  ctx.mailWaits();
  return tapped;
}

async function tap(ctx: Context, tx: Tx, signing: Signing, token: string): Promise<Tapped> {
  const admission = await admitSigning(ctx, tx, signing);
  const { petition, published } = admission;
  const recipient = await findRecipient(ctx, tx, token, tx.now);
  const asked = recipient && (await signAs(ctx, tx, signing, admission, recipient));
  // Dropped in its turn: a request without a recipient must not be the faster one.
  if (!asked) await queueMail(tx, 'signed', null);
  return { petitionId: petition.publicId, confirmation: petition.confirmation, published };
}

/** Returns whether a mail was queued. */
async function signAs(
  ctx: Context,
  tx: Tx,
  signing: Signing,
  admission: Admission,
  recipient: MailRecipient,
): Promise<boolean> {
  const { petition, attribution, email, suspicion } = admission;
  const { supporterKey, identity } = recipient;
  // No mailing: it is of an organization outside of the coalition. Another address: it has changed since, or is a test's.
  if (suspicion || attribution.mailingKey === null || email.identity !== identity) return false;
  const since = new Date(tx.now.getTime() - PAUSE_MS);
  if (await wasAsked(tx, supporterKey, petition.key, since)) return false;
  const localized = {
    ...signing,
    input: { ...signing.input, locale: signing.input.locale ?? recipient.locale },
  };
  const signature = await findSigned(tx, { petitionKey: petition.key, supporterKey });
  if (signature?.status === 'confirmed') {
    const written = { supporterKey, signature, isNew: false, mayLearnOutcome: false };
    return askMailbox(ctx, tx, localized, admission, written);
  }
  const words = await knownWords(tx, recipient, petition);
  if (!words) await askTapped(tx, localized, admission, supporterKey, { optIns: [] });
  else {
    const spoken = { ...localized, input: { ...localized.input, ...words } };
    const isShown = !signature && isOfLead(admission, recipient);
    // What is there may be what somebody else has typed: it is not confirmed as it is.
    if (!isShown) await requestTap(tx, spoken, admission, supporterKey);
    else await askMailbox(ctx, tx, spoken, admission, await writeSigning(ctx, tx, spoken, admission));
  }
  return true;
}

/** Whether no other organization could read from the signature that its signer is on the list of the mailing. */
const isOfLead = ({ petition, attribution }: Admission, { organizationKey }: MailRecipient): boolean =>
  organizationKey === petition.organizationKey && attribution.collectorKey === petition.organizationKey;
