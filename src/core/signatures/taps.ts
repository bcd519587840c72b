import { eq } from 'drizzle-orm';
import type { TapAttribution } from '../../../schema/db/tables/mail.js';
import { RunAgain, type Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { changeCounts } from '../counts/counts.js';
import { addToKeyFigures } from '../counts/key-figures.js';
import { insertRequest, type ConfirmationRequest } from '../mail/confirmation-requests.js';
import { queueMail } from '../mail/outbox.js';
import { isConfirmableAt } from '../petitions/petition-life.js';
import { requestedOf } from '../subscriptions/opt-ins.js';
import type { Admission } from './admit-signing.js';
import { wordsOf } from './ask-mailbox.js';
import type { Signing } from './read-signing.js';
import { confirmSignature, type ConfirmedSignature } from './signature-moves.js';
import { findSigned, insertNew, rowOf, type NewSignature } from './signature-rows.js';

/*
 * Taps in mails whose signatures organizations must not see before the mailbox has answered: whoever has a forwarded mail
 * can tap, and could read from the signature, or from any sum or answer that it changes, whom another organization mails.
 * So a tap stores nothing but a request. The signature is made when the request is confirmed.
 */

/** The request of a tap without a signature of its own. */
type TapRequest = ConfirmationRequest & {
  petitionKey: number;
  data: NonNullable<ConfirmationRequest['data']> & { tap: TapAttribution };
};

export const isTap = (request: ConfirmationRequest): request is TapRequest =>
  request.signatureKey === null && request.petitionKey !== null && request.data?.tap !== undefined;

/** Stores the request of a tap with the words in `signing.input`, and queues the mail that asks its mailbox. */
export async function requestTap(
  tx: Tx,
  signing: Signing,
  admission: Admission,
  supporterKey: number,
): Promise<void> {
  const { input } = signing;
  const { petition, attribution, optIns } = admission;
  const { collectorKey, apiKeyKey, mailingKey, mailingVariantKey, shareLinkKey } = attribution;
  const came = { collectorKey, apiKeyKey, mailingKey, mailingVariantKey, shareLinkKey };
  await askTapped(tx, signing, admission, supporterKey, {
    data: { ...wordsOf(input, petition), tap: { ...came, utm: input.utm ?? null } },
    optIns: requestedOf(optIns),
    source: input.source ?? null,
  });
}

/** A request without a signature, and its mail. Without words of the signer, the mail leads to the petition's form. */
export async function askTapped(
  tx: Tx,
  { input }: Signing,
  { petition }: Admission,
  supporterKey: number,
  asked: Pick<Parameters<typeof insertRequest>[1], 'data' | 'optIns' | 'source'>,
): Promise<void> {
  const requestKey = await insertRequest(tx, {
    kind: 'signature',
    supporterKey,
    origin: 'one_tap',
    locale: input.locale ?? petition.locale,
    petitionKey: petition.key,
    ...asked,
  });
  await queueMail(tx, 'signed', supporterKey, { requestKey, petitionKey: petition.key });
}

/** A confirmed tap: its signature, and what confirming it did. */
export type ConfirmedTap = ConfirmedSignature & { signatureKey: number };

/**
 * Confirms a tap: the signature that its signer has on the petition by now, with the words of the tap; else a new one,
 * which came about when the mail was tapped. From then on the request is about that signature. Returns 'too late' if the
 * petition has ended or is gone.
 */
export async function confirmTap(
  ctx: Context,
  tx: Tx,
  request: TapRequest,
  identity: string,
): Promise<ConfirmedTap | 'too late'> {
  const { supporterKey, petitionKey, data } = request;
  if (!(await confirmablePetition(tx, petitionKey))) return 'too late';
  const earlier = await findSigned(tx, { petitionKey, supporterKey });
  const key = earlier?.key ?? (await insertPending(ctx, tx, request));
  const confirmed = await confirmSignature(ctx, tx, { key, data: earlier ? data : null, identity });
  if (confirmed === 'too late') throw new RunAgain();
  const { confirmationRequests: t } = tx.tables;
  await tx.db.update(t).set({ signatureKey: key }).where(eq(t.key, request.key));
  return { ...confirmed, signatureKey: key };
}

/** The petition of a tap; undefined: it is too late to confirm signatures of it. */
export async function confirmablePetition(tx: Tx, petitionKey: number) {
  const { petitions: t } = tx.tables;
  const [petition] = await tx.db.select().from(t).where(eq(t.key, petitionKey));
  return petition && isConfirmableAt(petition, tx.now) ? petition : undefined;
}

/** Inserts the signature as if it had been pending since the tap. Returns its key. */
async function insertPending(ctx: Context, tx: Tx, request: TapRequest): Promise<number> {
  const { supporterKey, petitionKey, source, createdAt } = request;
  const { tap, translationKey = null, ...words } = request.data;
  const row: NewSignature = rowOf(
    { ...words, email: '', source, utm: tap.utm },
    { publicId: ctx.newId('sig'), petitionKey, supporterKey, status: 'pending', translationKey },
    tap,
    { createdAt, confirmedAt: null },
  );
  const key = await insertNew(tx, row);
  // Its signer has signed since `findSigned` looked.
  if (key === undefined) throw new RunAgain();
  changeCounts(tx, row, null, 'pending');
  // Its mailbox was asked without the signature, by which `countAsked` would have found the key.
  if (row.apiKeyKey !== null) addToKeyFigures(tx, row.apiKeyKey, petitionKey, { asked: 1 });
  return key;
}
