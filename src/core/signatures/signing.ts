import type { RequestData } from '../../../schema/db/tables/mail.js';
import { invalidBody } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import { UNKNOWN_CALLER, type Actor, type Caller } from '../actor.js';
import { assertChallenge, checkSolution } from '../brakes/challenges.js';
import type { WorkProof } from '../brakes/first-look.js';
import type { FirstLook } from '../brakes/first-look.js';
import { networkOfSigner, noteNetwork } from '../brakes/key-networks.js';
import { CROWDED, findRoom, FREE } from '../brakes/spellings.js';
import { noteSuspicion, openForm, suspect, type Suspicion } from '../brakes/suspicion.js';
import type { Context } from '../context.js';
import { beginToCount } from '../counts/counting-once.js';
import { changeCounts } from '../counts/counts.js';
import { clusterOf, parseEmail, type EmailAddress } from '../email.js';
import { once, type Retry } from '../idempotency.js';
import { insertRequest } from '../mail/confirmation-requests.js';
import { queueMail } from '../mail/outbox.js';
import { oneAtATime } from '../one-at-a-time.js';
import { assertOrigin } from '../organization/origins.js';
import { hidesSome } from '../partners/partner-terms.js';
import { allowanceOf, noteVouched, type Allowance } from '../partners/vouching.js';
import { assertSignable } from '../petitions/petition-life.js';
import { findHead, type PetitionHead } from '../petitions/petition-lookup.js';
import { readOptIns, takeOptIns, type OptIn } from '../subscriptions/opt-ins.js';
import { noteContacts } from '../supporters/contacts.js';
import { findOrCreateSupporter } from '../supporters/supporters.js';
import { attribute, type Attribution } from './attribution.js';
import { addToToday, markImported } from './imports.js';
import type { SignInput } from './sign-input.js';
import { hearsOf } from './signature-access.js';
import { confirmSignature } from './signature-moves.js';
import { insertOrFind, type SignatureHead } from './signature-rows.js';
import { assertForm, assertMaySay } from './signing-rules.js';

/** What signing did. For a stranger only what does not depend on the address may leave the house. */
export type Signed = {
  petitionKey: number;
  petitionId: string;
  confirmation: PetitionHead['confirmation'];
  goals: readonly number[];
  /** The confirmed signatures as last published, without this one. */
  published: number;
  created: boolean;
  /** The caller may hear what has become of it: else it gets the answer that strangers get. */
  heard: boolean;
  /** Something was queued for the mailbox. */
  mails: boolean;
  signature: SignatureHead;
};

/**
 * Signs a petition. Signing again is no error and makes no second signature; nothing of an earlier one changes, except
 * that a vouched repeat confirms it.
 *
 * Throws `invalid_body` for an address or form field, `petition_not_open`, `petition_closed`, `petition_not_published`,
 * `not_a_partner`, `vouching_not_agreed`, `origin_not_allowed`, `challenge_required`, `challenge_invalid`, `scope_required`,
 * `external_id_taken`, `idempotency_key_reused`, and what findHead throws.
 */
export async function signPetition(
  ctx: Context,
  actor: Actor,
  petitionRef: string,
  input: SignInput,
  retry?: Retry,
  caller: Caller = UNKNOWN_CALLER,
): Promise<Signed> {
  const email = parseEmail(input.email);
  if (!email) {
    throw invalidBody({ pointer: '/email', code: 'format', detail: 'Write it like name@example.org.' });
  }
  assertMaySay(actor, input);
  const ids = {
    supporter: ctx.newId('sup'),
    signature: ctx.newId('sig'),
    import: input.vouched ? ctx.newId('imp') : '',
  };
  const proof: WorkProof = input.altcha ? { solution: await checkSolution(ctx, input.altcha) } : null;
  const network = networkOfSigner(ctx, actor, caller);
  const form = openForm(ctx, input);
  const look: FirstLook = { actor, caller, network, email, input, proof, form, counted: {} };
  const signed = await inTransaction(ctx, email, { input, retry, proof }, (tx) =>
    once(tx, retry, async () => {
      const petition = await findHead(tx, actor, petitionRef);
      assertSignable(petition, tx.now);
      assertOrigin(petition, actor, caller);
      assertForm(petition, input);
      const { recognition, shareCode } = input;
      const attribution = await attribute(ctx, tx, petition, actor, { email, recognition, shareCode });
      const allowance =
        input.vouched && actor.kind === 'secret' ? await allowanceOf(tx, actor, petition) : null;
      const published = await ctx.published.confirmed(tx, petition.key);
      const optIns = await readOptIns(tx, actor, petition, input.optIns);
      const proven = await assertChallenge(ctx, tx, petition, look);
      const suspicion =
        allowance?.left === 0 ? allowance.beyond : await suspect(ctx, tx, petition, look, proven);
      return signInside(ctx, tx, petition, {
        actor,
        input,
        email,
        attribution,
        network,
        optIns,
        suspicion,
        allowance,
        ids,
        published,
      });
    }),
  );
  // Waking the worker for nothing would cost as much as a tenth of the signature.
  if (signed.mails) ctx.mailWaits();
  if (signed.signature.status === 'confirmed') await ctx.milestones.settle(signed.petitionKey, signed.goals);
  return signed;
}

/**
 * Signing shares a transaction with others: what it writes belongs to its person alone, or is made through what is
 * unique, or is a sum. Beside the person others could want the same external id, proof of work or Idempotency-Key: they
 * are kept apart by it. What is vouched for updates a person who may be known, in any order, and goes alone; so does who
 * signs under a spelling that is one of many, since all of them share their room: those wait for each other here, rather
 * than in the database, where each would hold a connection that others need.
 */
function inTransaction<T>(
  { store }: Context,
  { identity }: EmailAddress,
  { input, retry, proof }: { input: SignInput; retry: Retry | undefined; proof: WorkProof },
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const cluster = clusterOf(identity);
  if (cluster !== identity) return oneAtATime(cluster, () => store.transact(work));
  if (input.vouched) return store.transact(work);
  const others = [retry?.hash.toString('hex'), proof?.solution?.hash.toString('hex'), input.externalId];
  return store.gather([identity, ...others.filter((one) => one != null)], work);
}

type Attempt = {
  actor: Actor;
  input: SignInput;
  email: EmailAddress;
  attribution: Attribution;
  network: Buffer | null;
  optIns: OptIn[];
  /** Null: nothing is odd about it. */
  suspicion: Suspicion | null;
  /** Null: nobody vouches for it. */
  allowance: Allowance | null;
  published: number;
  ids: { supporter: string; signature: string; import: string };
};

async function signInside(ctx: Context, tx: Tx, petition: PetitionHead, attempt: Attempt): Promise<Signed> {
  const { actor, input, email, ids, attribution, network, suspicion } = attempt;
  const vouched = input.vouched === true;
  const supporter = await findOrCreateSupporter(tx, email, ids.supporter);
  if (vouched && actor.kind === 'secret') {
    await noteContacts(tx, actor.organizationKey, [{ supporterKey: supporter.key, said: input }]);
  }
  const wanted = vouched || petition.confirmation === 'none' ? 'confirmed' : 'pending';
  const place = { petitionKey: petition.key, identity: email.identity, status: wanted } as const;
  const room = suspicion ? FREE : await findRoom(ctx, tx, place);
  const status = suspicion || !room.free ? 'quarantined' : wanted;
  // What is vouched for and quarantined counts as soon as an organiser releases it.
  const confirmedAt = status === 'confirmed' || vouched ? tx.now : null;
  const { signature: before, isNew } = await insertOrFind(tx, actor, petition, {
    publicId: ids.signature,
    petitionKey: petition.key,
    supporterKey: supporter.key,
    status,
    ...wordsOf(input),
    source: input.source ?? null,
    utm: input.utm ?? null,
    ...attribution,
    externalId: input.externalId ?? null,
    createdAt: tx.now,
    confirmedAt,
  });
  if (isNew) {
    const counted = { petitionKey: petition.key, ...attribution, createdAt: tx.now, confirmedAt };
    if (status === 'confirmed') {
      await beginToCount(ctx, tx, [{ counted, from: null, identity: email.identity }]);
    } else {
      changeCounts(tx, counted, null, status);
    }
    if (status === 'pending') {
      const { apiKeyKey } = attribution;
      await noteNetwork(tx, { signatureKey: before.key, petitionKey: petition.key, apiKeyKey, network });
    }
    if (status === 'quarantined') await noteSuspicion(tx, before.key, suspicion ?? CROWDED);
    else await room.take(before.key);
  }
  const heard = await hearsOf(tx, actor, petition, isNew ? null : before.key);
  const waits = before.status === 'pending' || before.status === 'quarantined';
  const takes = vouched && !suspicion && waits;
  const signature = takes ? await confirm(ctx, tx, before, email.identity) : before;
  if (isNew || signature !== before) await noteWord(tx, petition, attempt, signature, isNew);
  const result = { supporterKey: supporter.key, signature, isNew };
  const mails = await askMailbox(ctx, tx, petition, attempt, result);
  return {
    petitionKey: petition.key,
    petitionId: petition.publicId,
    confirmation: petition.confirmation,
    goals: petition.goals,
    published: attempt.published,
    created: isNew,
    heard,
    mails,
    signature,
  };
}

/** Notes what a partner's word has done: of its own petition's signatures an organization says what it likes. */
async function noteWord(
  tx: Tx,
  { key: petitionKey }: PetitionHead,
  { allowance, attribution, ids }: Attempt,
  { key, status }: SignatureHead,
  isNew: boolean,
): Promise<void> {
  const { collectorKey: organizationKey, apiKeyKey } = attribution;
  if (!allowance?.day || organizationKey === null) return;
  const held = status === 'quarantined';
  const what = held ? 'quarantined' : isNew ? 'created' : 'confirmed';
  await noteVouched(tx, allowance, { counted: held ? 0 : 1, held: held ? 1 : 0 });
  const bringer = { petitionKey, organizationKey, apiKeyKey };
  await markImported(tx, [key], await addToToday(tx, ids.import, bringer, what));
}

/** What the request says of its signer, as a signature holds it. */
const wordsOf = (input: SignInput): RequestData => ({
  display: input.display ?? 'anonymous',
  name: input.name,
  country: input.country ?? null,
  postalCode: input.postalCode ?? null,
  postalAddress: input.postalAddress ?? null,
  phone: input.phone ?? null,
  comment: input.comment ?? null,
});

/** Vouched for: a signature that waited for its mailbox counts now. A quarantined one still waits for an organiser. */
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

type Result = { supporterKey: number; signature: SignatureHead; isNew: boolean };

/**
 * Writes down the answers to "may they mail you?", and asks the mailbox for what is not proven. Where the petition wants
 * confirmation, everybody's request does the same work, whoever they are: what is mailed, if anything, is decided later.
 * A suspicious request is not mailed at all: the one that made a signature is when that is released (or at once, where the
 * lead sees only who has answered), any other says nothing to anybody. Returns whether something is queued.
 */
async function askMailbox(
  ctx: Context,
  tx: Tx,
  petition: PetitionHead,
  { input, email, optIns, suspicion }: Attempt,
  { supporterKey, signature, isNew }: Result,
): Promise<boolean> {
  const { key: petitionKey, locale } = petition;
  const source = input.source ?? null;
  const requested =
    optIns.length === 0
      ? []
      : await takeOptIns(ctx, tx, optIns, {
          supporterKey,
          subject: ctx.secrets.subject(email.identity),
          petitionKey,
          origin: input.vouched ? 'api' : 'signature',
          source,
          locale,
          proven: input.vouched === true,
          suspicious: suspicion !== null && !input.vouched,
        });
  const asks = petition.confirmation === 'email' || signature.status === 'withdrawn' || requested.length > 0;
  if (input.vouched || !asks) return false;
  const request = { kind: 'signature', supporterKey, origin: 'signature', locale } as const;
  if (suspicion && !isNew) {
    await insertRequest(tx, { ...request, optIns: [] });
    await queueMail(tx, 'signed', null);
    return true;
  }
  const data = isNew ? null : wordsOf(input);
  const about = { signatureKey: signature.key, petitionKey, data, optIns: requested, source };
  const requestKey = await insertRequest(tx, { ...request, ...about });
  if (suspicion && !(await hidesSome(tx, petitionKey))) await queueMail(tx, 'signed', null);
  else await queueMail(tx, 'signed', supporterKey, { requestKey, petitionKey });
  return true;
}
