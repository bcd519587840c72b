import { and, eq } from 'drizzle-orm';
import type { RequestData } from '../../schema/db/consent-tables.js';
import type { FormField, PostalAddress, SignatureStatus, Tables, Utm } from '../../schema/db/tables.js';
import { ApiError, invalidBody, type FieldError } from '../errors.js';
import { bind, bindAll, statement, type Tx } from '../store/store.js';
import { attribute, type Attribution } from './attribution.js';
import { assertChallenge, checkSolution, type Proof } from './challenges.js';
import type { Actor, Caller, Context } from './context.js';
import { changeCounts } from './counts.js';
import { clusterOf, parseEmail, type EmailAddress } from './email.js';
import { once, type Retry } from './idempotency.js';
import { readOptIns, takeOptIns, type OptIn, type OptInInput } from './opt-ins.js';
import { assertOrigin } from './origins.js';
import { queueMail } from './outbox.js';
import { findGate, type PetitionGate } from './petition-lookup.js';
import { assertSignable } from './petition-life.js';
import { insertRequest } from './requests.js';
import { confirmSignature } from './signature-moves.js';
import { findOrCreateSupporter, learn } from './supporters.js';
import { CROWDED, findRoom, FREE } from './spellings.js';
import { noteSuspicion, openForm, suspect, type FirstLook, type Suspicion } from './suspicion.js';
import { supersedeTombstone } from './tombstones.js';
import { inTurn } from './turns.js';

type SignatureRow = Tables['signatures']['$inferSelect'];

export type SignInput = {
  email: string;
  name: string;
  country?: string | null;
  postalCode?: string | null;
  postalAddress?: PostalAddress | null;
  phone?: string | null;
  comment?: string | null;
  display?: SignatureRow['display'];
  source?: string | null;
  utm?: Utm | null;
  /** Answers to "may they mail you?", one for each organization that asked. */
  optIns?: OptInInput[];
  /** The token of the personal link that brought the signer: it tells the mailing, and nobody. */
  recognition?: string | null;
  /** The code of the share link that brought the signer. */
  shareCode?: string | null;
  /** When the form was opened: from createChallenge. */
  formToken?: string | null;
  /** The solved proof of work. */
  altcha?: string | null;
  /** A field that people do not see: whoever fills it in is a machine. */
  website?: string | null;
  /** The caller's own id for this signature. */
  externalId?: string | null;
  /** The caller has proven the mailbox: the signature counts at once, and updates what we know of the supporter. */
  vouched?: boolean;
};

/** What signing did. For a stranger only what does not depend on the address may leave the house. */
export type Signed = {
  petitionKey: number;
  petitionId: string;
  confirmation: PetitionGate['confirmation'];
  goals: readonly number[];
  /** The confirmed signatures as last published, without this one. */
  published: number;
  created: boolean;
  /** Something was queued for the mailbox. */
  mails: boolean;
  signature: {
    key: number;
    publicId: string;
    status: SignatureStatus;
    createdAt: Date;
    confirmedAt: Date | null;
  };
};

/**
 * Signs a petition. Signing again is no error and makes no second signature; nothing of an earlier one changes, except
 * that a vouched repeat confirms it.
 *
 * Throws `invalid_body` for an address or form field, `petition_not_open`, `petition_closed`, `petition_not_published`,
 * `not_a_partner`, `origin_not_allowed`, `challenge_required`, `challenge_invalid`, `scope_required`,
 * `external_id_taken`, `idempotency_key_reused`, and what findGate throws.
 */
export async function signPetition(
  ctx: Context,
  actor: Actor,
  petitionRef: string,
  input: SignInput,
  retry?: Retry,
  caller: Caller = UNKNOWN,
): Promise<Signed> {
  const email = parseEmail(input.email);
  if (!email) {
    throw invalidBody({ pointer: '/email', code: 'format', detail: 'Write it like name@example.org.' });
  }
  assertMaySay(actor, input);
  const ids = { supporter: ctx.newId('sup'), signature: ctx.newId('sig') };
  const proof: Proof = input.altcha ? { solution: await checkSolution(ctx, input.altcha) } : null;
  const look: FirstLook = { actor, caller, email, input, proof, form: openForm(ctx, input), counted: {} };
  const signed = await inTransaction(ctx, email, { input, retry, proof }, (tx) =>
    once(tx, retry, async () => {
      const petition = await findGate(tx, actor, petitionRef);
      assertSignable(petition, tx.now);
      assertOrigin(petition, actor, caller);
      assertForm(petition, input);
      const { recognition, shareCode } = input;
      const attribution = await attribute(ctx, tx, petition, actor, { email, recognition, shareCode });
      const published = await ctx.published.confirmed(tx, petition.key);
      const optIns = await readOptIns(tx, actor, petition, input.optIns);
      await assertChallenge(ctx, tx, petition, look);
      const suspicion = await suspect(ctx, tx, petition, look);
      return signInside(ctx, tx, petition, { input, email, attribution, optIns, suspicion, ids, published });
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
  { input, retry, proof }: { input: SignInput; retry: Retry | undefined; proof: Proof },
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const cluster = clusterOf(identity);
  if (cluster !== identity) return inTurn(cluster, () => store.transact(work));
  if (input.vouched) return store.transact(work);
  const others = [retry?.hash.toString('hex'), proof?.solution?.hash.toString('hex'), input.externalId];
  return store.gather([identity, ...others.filter((one) => one != null)], work);
}

const UNKNOWN: Caller = { client: null, origin: null };

type Attempt = {
  input: SignInput;
  email: EmailAddress;
  attribution: Attribution;
  optIns: OptIn[];
  /** Null: nothing is odd about it. */
  suspicion: Suspicion | null;
  published: number;
  ids: { supporter: string; signature: string };
};

const insertSignature = statement('signature_insert', ({ db, tables: { signatures: t } }: Tx) =>
  db
    .insert(t)
    .values(
      bindAll(t, [
        'publicId',
        'petitionKey',
        'supporterKey',
        'status',
        'display',
        'name',
        'country',
        'postalCode',
        'postalAddress',
        'phone',
        'comment',
        'source',
        'utm',
        'collectorKey',
        'apiKeyKey',
        'mailingKey',
        'shareLinkKey',
        'externalId',
        'createdAt',
        'confirmedAt',
      ]),
    )
    .onConflictDoNothing()
    .returning({ key: t.key }),
);

const findSignature = statement('signature_find', ({ db, tables: { signatures: t } }: Tx) =>
  db
    .select({
      key: t.key,
      publicId: t.publicId,
      status: t.status,
      createdAt: t.createdAt,
      confirmedAt: t.confirmedAt,
    })
    .from(t)
    .where(
      and(
        eq(t.petitionKey, bind(t.petitionKey, 'petitionKey')),
        eq(t.supporterKey, bind(t.supporterKey, 'supporterKey')),
      ),
    ),
);

async function signInside(ctx: Context, tx: Tx, petition: PetitionGate, attempt: Attempt): Promise<Signed> {
  const { input, email, ids, attribution, suspicion } = attempt;
  const vouched = input.vouched === true;
  const supporter = await findOrCreateSupporter(tx, email, ids.supporter);
  if (vouched) await learn(tx, supporter.key, input);
  const wanted = vouched || petition.confirmation === 'none' ? 'confirmed' : 'pending';
  const place = { petitionKey: petition.key, identity: email.identity, status: wanted } as const;
  const room = suspicion ? FREE : await findRoom(ctx, tx, place);
  const status = suspicion || !room.free ? 'quarantined' : wanted;
  const counts = status === 'confirmed';
  const confirmedAt = counts ? tx.now : null;
  const [inserted] = await insertSignature(tx, {
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
  if (inserted) {
    const counted = { petitionKey: petition.key, ...attribution, createdAt: tx.now, confirmedAt };
    changeCounts(tx, counted, null, status);
    if (status === 'quarantined') await noteSuspicion(tx, inserted.key, suspicion ?? CROWDED);
    else await room.take(inserted.key);
    // An address that was erased comes back as a new supporter: its old signature must not count beside the new one.
    if (counts && supporter.created) await supersedeTombstone(ctx, tx, petition.key, email.identity);
  }
  const before: Signed['signature'] = inserted
    ? { ...inserted, publicId: ids.signature, status, createdAt: tx.now, confirmedAt }
    : await existingSignature(tx, petition, supporter.key);
  const waits = before.status === 'pending' || before.status === 'quarantined';
  const signature = vouched && waits ? await confirm(ctx, tx, before, email.identity) : before;
  const result = { supporterKey: supporter.key, signature, isNew: !!inserted };
  const mails = await askMailbox(ctx, tx, petition, attempt, result);
  return {
    petitionKey: petition.key,
    petitionId: petition.publicId,
    confirmation: petition.confirmation,
    goals: petition.goals,
    published: attempt.published,
    created: inserted !== undefined,
    mails,
    signature,
  };
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

async function existingSignature(
  tx: Tx,
  petition: PetitionGate,
  supporterKey: number,
): Promise<Signed['signature']> {
  const [existing] = await findSignature(tx, { petitionKey: petition.key, supporterKey });
  if (existing) return existing;
  // The row was refused, and not for its signer: so for its external id.
  throw new ApiError('external_id_taken', {
    detail: 'Another signature of this petition has this external_id.',
  });
}

/** Vouched for: a signature that waited for its mailbox counts now. A quarantined one still waits for an organiser. */
async function confirm(
  ctx: Context,
  tx: Tx,
  before: Signed['signature'],
  identity: string,
): Promise<Signed['signature']> {
  const confirmed = await confirmSignature(ctx, tx, { key: before.key, data: null, identity });
  if (confirmed === 'too late' || !confirmed.counted) return before;
  return { ...before, status: 'confirmed', confirmedAt: tx.now };
}

type Result = { supporterKey: number; signature: Signed['signature']; isNew: boolean };

/**
 * Writes down the answers to "may they mail you?", and asks the mailbox for what is not proven. Where the petition wants
 * confirmation, everybody's request does the same work, whoever they are: what is mailed, if anything, is decided later.
 * A suspicious request is not mailed at all: the one that made a signature is when that is released, any other says
 * nothing to anybody. Returns whether something is queued.
 */
async function askMailbox(
  ctx: Context,
  tx: Tx,
  petition: PetitionGate,
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
          suspicious: suspicion !== null,
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
  if (suspicion) await queueMail(tx, 'signed', null);
  else await queueMail(tx, 'signed', supporterKey, { requestKey, petitionKey });
  return true;
}

function assertMaySay(actor: Actor, { vouched, externalId }: SignInput): void {
  const secret = actor.kind === 'secret';
  if (secret && !actor.scopes.includes('signatures:write')) {
    throw new ApiError('scope_required', { detail: 'The key needs the scope signatures:write.' });
  }
  if (vouched && !(secret && actor.scopes.includes('signatures:vouch'))) {
    throw new ApiError('scope_required', {
      detail: 'Only a secret key with the scope signatures:vouch can vouch.',
    });
  }
  if (externalId != null && !secret) {
    throw new ApiError('scope_required', {
      detail: 'Only a secret key can give a signature an external_id.',
    });
  }
}

const FORM_VALUES: Record<FormField, (input: SignInput) => unknown> = {
  country: (input) => input.country,
  postal_code: (input) => input.postalCode,
  postal_address: (input) => input.postalAddress,
  phone: (input) => input.phone,
  comment: (input) => input.comment,
};

/** Holds the request against what the petition's form asks for. */
export function assertForm({ form }: Pick<PetitionGate, 'form'>, input: SignInput): void {
  const errors: FieldError[] = [];
  for (const [field, valueOf] of Object.entries(FORM_VALUES) as [
    FormField,
    (typeof FORM_VALUES)[FormField],
  ][]) {
    const given = valueOf(input) != null;
    const pointer = `/${field}`;
    if (form[field] === 'required' && !given) {
      errors.push({ pointer, code: 'required', detail: 'This petition needs it: send it.' });
    } else if (form[field] === 'off' && given) {
      errors.push({ pointer, code: 'not_asked', detail: 'This petition does not ask for it: leave it out.' });
    }
  }
  if (errors.length > 0) throw invalidBody(...errors);
}
