import type { Tx } from '../../store/store.js';
import { noteNetwork } from '../brakes/key-networks.js';
import { CROWDED, findRoom, FREE } from '../brakes/spellings.js';
import { noteSuspicion } from '../brakes/suspicion.js';
import type { Context } from '../context.js';
import { beginToCount } from '../counts/counting-once.js';
import { changeCounts } from '../counts/counts.js';
import { noteVouched } from '../partners/vouching.js';
import { noteContacts } from '../supporters/contacts.js';
import { findOrCreateSupporter } from '../supporters/supporters.js';
import type { Admission } from './admit-signing.js';
import { addToToday, markImported } from './imports.js';
import type { Signing } from './read-signing.js';
import { mayLearnOutcome } from './signature-access.js';
import { confirmSignature } from './signature-moves.js';
import { signedText } from './signed-text.js';
import { insertOrFind, rowOf, type NewSignature, type SignatureHead } from './signature-rows.js';

/** The signature after signing, new or not. */
export type Written = {
  supporterKey: number;
  signature: SignatureHead;
  isNew: boolean;
  /** Whether the caller may learn the outcome; otherwise it must get the answer that strangers get. */
  mayLearnOutcome: boolean;
};

/**
 * Inserts the signature, unless its signer has one on the petition: that one stays as it is, except that vouching
 * confirms a pending one. Throws `external_id_taken`.
 */
export async function writeSigning(
  ctx: Context,
  tx: Tx,
  signing: Signing,
  admission: Admission,
): Promise<Written> {
  const { actor, input, ids } = signing;
  const { petition, email, suspicion } = admission;
  const supporter = await findOrCreateSupporter(tx, email, ids.supporter);
  if (input.vouched && actor.kind === 'secret') {
    await noteContacts(tx, actor.organizationKey, [{ supporterKey: supporter.key, said: input }]);
  }
  const counts = input.vouched || (petition.confirmation === 'none' && !signing.tapped);
  const wanted = counts ? 'confirmed' : 'pending';
  const place = { petitionKey: petition.key, identity: email.identity, status: wanted } as const;
  const room = suspicion ? FREE : await findRoom(ctx, tx, place);
  const status = suspicion || !room.free ? 'quarantined' : wanted;
  const row = rowOf(
    input,
    {
      publicId: ids.signature,
      petitionKey: petition.key,
      supporterKey: supporter.key,
      status,
      translationKey: signedText(petition, input),
    },
    admission.attribution,
    // A vouched signature in quarantine is already proven: it counts as soon as an organiser releases it.
    { createdAt: tx.now, confirmedAt: status === 'confirmed' || input.vouched ? tx.now : null },
  );
  const { signature: before, isNew } = await insertOrFind(tx, actor, petition, row);
  if (isNew) {
    await beginSignature(ctx, tx, { email, network: signing.network }, row, before);
    if (row.status === 'quarantined') await noteSuspicion(tx, before.key, suspicion ?? CROWDED);
    else await room.take(before.key);
  }
  const mayLearn = await mayLearnOutcome(tx, actor, petition, isNew ? null : before.key);
  const waits = before.status === 'pending' || before.status === 'quarantined';
  const takes = input.vouched && !suspicion && waits;
  const signature = takes ? await confirm(ctx, tx, before, email.identity) : before;
  if (isNew || signature !== before) await noteVouching(tx, signing, admission, signature, isNew);
  return { supporterKey: supporter.key, signature, isNew, mayLearnOutcome: mayLearn };
}

/** Counts a new signature. A pending one also records its network, until its mailbox has answered. */
async function beginSignature(
  ctx: Context,
  tx: Tx,
  { email, network }: Pick<Signing, 'email' | 'network'>,
  row: NewSignature,
  { key }: SignatureHead,
): Promise<void> {
  const { petitionKey, apiKeyKey, status } = row;
  if (status === 'confirmed') {
    await beginToCount(ctx, tx, [{ counted: row, from: null, identity: email.identity }]);
    return;
  }
  changeCounts(tx, row, null, status);
  if (status === 'pending') await noteNetwork(tx, { signatureKey: key, petitionKey, apiKeyKey, network });
}

/** Confirms a pending signature that is vouched for now. A quarantined one still waits for an organiser. */
async function confirm(
  ctx: Context,
  tx: Tx,
  before: SignatureHead,
  identity: string,
): Promise<SignatureHead> {
  const confirmed = await confirmSignature(ctx, tx, { key: before.key, data: null, identity });
  if (confirmed === 'too late' || !confirmed.counted) return before;
  return { ...before, status: 'confirmed', confirmedAt: tx.now };
}

/** Records what a partner has vouched for. Vouching for an organization's own petition is not recorded. */
async function noteVouching(
  tx: Tx,
  { ids }: Signing,
  { petition, allowance, attribution }: Admission,
  { key, status }: SignatureHead,
  isNew: boolean,
): Promise<void> {
  const { collectorKey: organizationKey, apiKeyKey } = attribution;
  if (!allowance?.day || organizationKey === null) return;
  const held = status === 'quarantined';
  const what = held ? 'quarantined' : isNew ? 'created' : 'confirmed';
  await noteVouched(tx, allowance, { counted: held ? 0 : 1, held: held ? 1 : 0 });
  const importer = { petitionKey: petition.key, organizationKey, apiKeyKey };
  await markImported(tx, [key], await addToToday(tx, ids.import, importer, what));
}
