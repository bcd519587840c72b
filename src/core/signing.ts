import { and, eq } from 'drizzle-orm';
import type { FormField, PostalAddress, SignatureStatus, Tables, Utm } from '../../schema/db/tables.js';
import { ApiError, invalidBody, type FieldError } from '../errors.js';
import { bind, bindAll, statement, type Tx } from '../store/store.js';
import type { Actor, Context, KeyedActor } from './context.js';
import { changeCounts } from './counts.js';
import { parseEmail, type EmailAddress } from './email.js';
import { once, type Retry } from './idempotency.js';
import { findGate, type PetitionGate } from './petition-lookup.js';
import { assertSignable } from './petition-life.js';

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
 * `not_a_partner`, `scope_required`, `external_id_taken`, `idempotency_key_reused`, and what findGate throws.
 */
export async function signPetition(
  ctx: Context,
  actor: Actor,
  petitionRef: string,
  input: SignInput,
  retry?: Retry,
): Promise<Signed> {
  const email = parseEmail(input.email);
  if (!email) {
    throw invalidBody({ pointer: '/email', code: 'format', detail: 'Write it like name@example.org.' });
  }
  assertMaySay(actor, input);
  const ids = { supporter: ctx.newId('sup'), signature: ctx.newId('sig') };
  const signed = await ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const petition = await findGate(tx, actor, petitionRef);
      assertSignable(petition, tx.now);
      const collectorKey = actor.kind === 'anonymous' ? null : await collectorOf(tx, actor, petition);
      assertForm(petition, input);
      const published = await ctx.published.confirmed(tx, petition.key);
      return signInside(tx, petition, { input, email, collectorKey, ids, published });
    }),
  );
  if (signed.signature.status === 'confirmed') await ctx.milestones.settle(signed.petitionKey, signed.goals);
  return signed;
}

type Attempt = {
  input: SignInput;
  email: EmailAddress;
  collectorKey: number | null;
  published: number;
  ids: { supporter: string; signature: string };
};

const insertSupporter = statement('supporter_insert', ({ db, tables: { supporters: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['publicId', 'identity', 'delivery', 'createdAt']))
    .onConflictDoNothing()
    .returning({ key: t.key }),
);

const findSupporter = statement('supporter_find', ({ db, tables: { supporters: t } }: Tx) =>
  db
    .select({ key: t.key })
    .from(t)
    .where(eq(t.identity, bind(t.identity, 'identity'))),
);

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

async function signInside(tx: Tx, petition: PetitionGate, attempt: Attempt): Promise<Signed> {
  const { input } = attempt;
  const supporterKey = await supporterOf(tx, attempt);
  if (input.vouched) await learn(tx, supporterKey, input);
  const counts = input.vouched === true || petition.confirmation === 'none';
  const status = counts ? 'confirmed' : 'pending';
  const confirmedAt = counts ? tx.now : null;
  const [inserted] = await insertSignature(tx, {
    publicId: attempt.ids.signature,
    petitionKey: petition.key,
    supporterKey,
    status,
    display: input.display ?? 'anonymous',
    name: input.name,
    country: input.country ?? null,
    postalCode: input.postalCode ?? null,
    postalAddress: input.postalAddress ?? null,
    phone: input.phone ?? null,
    comment: input.comment ?? null,
    source: input.source ?? null,
    utm: input.utm ?? null,
    collectorKey: attempt.collectorKey,
    externalId: input.externalId ?? null,
    createdAt: tx.now,
    confirmedAt,
  });
  const about = {
    petitionKey: petition.key,
    petitionId: petition.publicId,
    confirmation: petition.confirmation,
    goals: petition.goals,
    published: attempt.published,
  };
  if (inserted) {
    changeCounts(tx, { petitionKey: petition.key, from: null, to: status, confirmedAt });
    const { signature: publicId } = attempt.ids;
    return {
      ...about,
      created: true,
      signature: { ...inserted, publicId, status, createdAt: tx.now, confirmedAt },
    };
  }
  const [existing] = await findSignature(tx, { petitionKey: petition.key, supporterKey });
  // The row was refused, and not for its signer: so for its external id.
  if (!existing) {
    throw new ApiError('external_id_taken', {
      detail: 'Another signature of this petition has this external_id.',
    });
  }
  const signature =
    input.vouched && existing.status === 'pending'
      ? await confirm(tx, petition, supporterKey, existing)
      : existing;
  return { ...about, created: false, signature };
}

async function supporterOf(tx: Tx, { email, ids }: Attempt): Promise<number> {
  const [inserted] = await insertSupporter(tx, { publicId: ids.supporter, ...email, createdAt: tx.now });
  const row = inserted ?? (await findSupporter(tx, { identity: email.identity }))[0];
  if (!row) throw new Error('a supporter was neither inserted nor found');
  return row.key;
}

/** What a vouched request says replaces what we knew; what it leaves out stays. */
async function learn(tx: Tx, supporterKey: number, input: SignInput): Promise<void> {
  const { supporters: t } = tx.tables;
  const { name, country, postalCode, postalAddress, phone } = input;
  const said = Object.entries({ name, country, postalCode, postalAddress, phone }).filter(
    ([, value]) => value != null,
  );
  await tx.db
    .update(t)
    .set({ ...Object.fromEntries(said), provenAt: tx.now })
    .where(eq(t.key, supporterKey));
}

async function confirm(
  tx: Tx,
  petition: PetitionGate,
  supporterKey: number,
  existing: Signed['signature'],
): Promise<Signed['signature']> {
  const { signatures: t } = tx.tables;
  const confirmed = await tx.db
    .update(t)
    .set({ status: 'confirmed', confirmedAt: tx.now })
    .where(and(eq(t.key, existing.key), eq(t.status, 'pending')))
    .returning({ key: t.key });
  // On PostgreSQL another transaction may have moved it since it was read.
  if (confirmed.length === 0) {
    const [now] = await findSignature(tx, { petitionKey: petition.key, supporterKey });
    return now ?? existing;
  }
  changeCounts(tx, { petitionKey: petition.key, from: 'pending', to: 'confirmed', confirmedAt: tx.now });
  return { ...existing, status: 'confirmed', confirmedAt: tx.now };
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

/** Through whom the signature came: the key's organization, if it leads the petition or is one of its partners. */
async function collectorOf(tx: Tx, actor: KeyedActor, petition: PetitionGate): Promise<number> {
  if (actor.organizationKey === petition.organizationKey) return actor.organizationKey;
  const { petitions: t } = tx.tables;
  const [row] = await tx.db.select({ partners: t.partners }).from(t).where(eq(t.key, petition.key));
  const isPartner = row?.partners.some((partner) => partner.organization_id === actor.organizationId);
  if (!isPartner) {
    throw new ApiError('not_a_partner', { detail: 'Ask the lead organization to list yours as a partner.' });
  }
  return actor.organizationKey;
}

const FORM_VALUES: Record<FormField, (input: SignInput) => unknown> = {
  country: (input) => input.country,
  postal_code: (input) => input.postalCode,
  postal_address: (input) => input.postalAddress,
  phone: (input) => input.phone,
  comment: (input) => input.comment,
};

/** Holds the request against what the petition's form asks for. */
function assertForm({ form }: PetitionGate, input: SignInput): void {
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
