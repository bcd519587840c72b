import type { RequestData } from '../../../schema/db/tables/mail.js';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { insertRequest } from '../mail/confirmation-requests.js';
import { queueMail } from '../mail/outbox.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import { hidesSome } from '../partners/partner-terms.js';
import { requestedOf, takeOptIns } from '../subscriptions/opt-ins.js';
import { keptAnswers } from './answers.js';
import type { Admission } from './admit-signing.js';
import type { Signing } from './read-signing.js';
import type { SignInput } from './sign-input.js';
import { signedText } from './signed-text.js';
import type { Written } from './write-signing.js';

/**
 * Stores the opt-ins of a signing, and queues the mail that asks its mailbox to confirm what is not proven. Where the
 * petition wants confirmation, the work must be the same for known and unknown addresses; whether a mail is sent is
 * decided later.
 *
 * A suspicious request is not mailed. If it created the signature, it is mailed when the signature is released, or at
 * once on petitions whose lead cannot see unconfirmed signatures. Returns whether a mail was queued.
 */
export async function askMailbox(
  ctx: Context,
  tx: Tx,
  signing: Signing,
  admission: Admission,
  { supporterKey, signature, isNew }: Written,
): Promise<boolean> {
  const { input } = signing;
  const { petition, suspicion } = admission;
  const { key: petitionKey } = petition;
  const optIns = await noteOptIns(ctx, tx, signing, admission, supporterKey);
  const isProof = petition.confirmation === 'email' || signing.tapped;
  const asks = isProof || signature.status === 'withdrawn' || optIns.length > 0;
  if (input.vouched || !asks) return false;
  const isMailed = !suspicion || (isNew && (await hidesSome(tx, petitionKey)));
  const isAbout = isNew || !suspicion;
  const requestKey = await insertRequest(tx, {
    kind: 'signature',
    supporterKey,
    origin: signing.tapped ? 'one_tap' : 'signature',
    locale: input.locale ?? petition.locale,
    signatureKey: isAbout ? signature.key : null,
    petitionKey: isAbout ? petitionKey : null,
    data: isNew || !isAbout || signing.tapped ? null : wordsOf(input, petition),
    optIns: isAbout ? optIns : [],
    source: isAbout ? (input.source ?? null) : null,
  });
  if (isMailed) await queueMail(tx, 'signed', supporterKey, { requestKey, petitionKey });
  else await queueMail(tx, 'signed', null);
  return true;
}

async function noteOptIns(
  ctx: Context,
  tx: Tx,
  { input, tapped }: Signing,
  { petition, email, optIns, suspicion }: Admission,
  supporterKey: number,
) {
  if (optIns.length === 0) return [];
  // Anybody who has the mail can tap: the lists would show its recipient to organizations that do not know them.
  if (tapped) return requestedOf(optIns);
  return takeOptIns(ctx, tx, optIns, {
    supporterKey,
    subject: ctx.secrets.subject(email.identity),
    petitionKey: petition.key,
    origin: input.vouched ? 'api' : 'signature',
    source: input.source ?? null,
    locale: petition.locale,
    proven: input.vouched === true,
    suspicious: suspicion !== null && !input.vouched,
  });
}

/** What the request says about its signer, in the form of a signature. */
export const wordsOf = (
  input: SignInput,
  petition: Pick<PetitionHead, 'formFields' | 'locale' | 'translations'>,
): RequestData => ({
  display: input.display ?? 'anonymous',
  name: input.name,
  givenName: input.givenName ?? null,
  familyName: input.familyName ?? null,
  country: input.country ?? null,
  postalCode: input.postalCode ?? null,
  postalAddress: input.postalAddress ?? null,
  phone: input.phone ?? null,
  comment: input.comment ?? null,
  ...(petition.formFields.length > 0 ? { answers: keptAnswers(input.answers) } : {}),
  ...(petition.translations.length > 0 ? { translationKey: signedText(petition, input) } : {}),
});
