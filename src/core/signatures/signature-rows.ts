import { and, eq } from 'drizzle-orm';
import { ApiError } from '../../errors.js';
import { bind, bindAll, statement, type Tx } from '../../store/store.js';
import type { Actor } from '../actor.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import { keptAnswers } from './answers.js';
import type { Attribution } from './attribution.js';
import type { SignInput } from './sign-input.js';
import { seesAll } from './signature-access.js';
import type { SignatureRow } from './signature-views.js';

/* A signature's row: how signing makes, inserts and finds it. */

/** The part of a signature that signing needs. */
export type SignatureHead = Pick<SignatureRow, 'key' | 'publicId' | 'status' | 'createdAt' | 'confirmedAt'>;

/** The columns that a new signature sets. */
export const SIGNATURE_COLUMNS = [
  'publicId',
  'petitionKey',
  'supporterKey',
  'status',
  'display',
  'name',
  'givenName',
  'familyName',
  'country',
  'postalCode',
  'postalAddress',
  'phone',
  'comment',
  'answers',
  'translationKey',
  'source',
  'utm',
  'collectorKey',
  'apiKeyKey',
  'mailingKey',
  'mailingVariantKey',
  'shareLinkKey',
  'externalId',
  'createdAt',
  'confirmedAt',
] as const;

const insertSignature = statement('signature_insert', ({ db, tables: { signatures: t } }: Tx) =>
  db.insert(t).values(bindAll(t, SIGNATURE_COLUMNS)).onConflictDoNothing().returning({ key: t.key }),
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

/** The signature of a supporter on a petition. */
export async function findSigned(
  tx: Tx,
  signer: { petitionKey: number; supporterKey: number },
): Promise<SignatureHead | undefined> {
  const [row] = await findSignature(tx, signer);
  return row;
}

/** Inserts the signature. Returns its key; undefined: its signer has one, or another signature has its external id. */
export async function insertNew(tx: Tx, row: NewSignature): Promise<number | undefined> {
  const [made] = await insertSignature(tx, row);
  return made?.key;
}

/** A signature's row before it is inserted. */
export type NewSignature = Pick<SignatureRow, (typeof SIGNATURE_COLUMNS)[number]> & {
  supporterKey: number;
  status: 'pending' | 'confirmed' | 'quarantined';
};

/** The row of a new signature. Written field by field, since it is on the hot path. */
export const rowOf = (
  input: SignInput,
  {
    publicId,
    petitionKey,
    supporterKey,
    status,
    translationKey = null,
  }: Pick<NewSignature, 'publicId' | 'petitionKey' | 'supporterKey' | 'status'> &
    Partial<Pick<NewSignature, 'translationKey'>>,
  { collectorKey, apiKeyKey, mailingKey, mailingVariantKey, shareLinkKey }: Attribution,
  { createdAt, confirmedAt }: Pick<NewSignature, 'createdAt' | 'confirmedAt'>,
): NewSignature => ({
  publicId,
  petitionKey,
  supporterKey,
  status,
  display: input.display ?? 'anonymous',
  name: input.name,
  givenName: input.givenName ?? null,
  familyName: input.familyName ?? null,
  country: input.country ?? null,
  postalCode: input.postalCode ?? null,
  postalAddress: input.postalAddress ?? null,
  phone: input.phone ?? null,
  comment: input.comment ?? null,
  answers: keptAnswers(input.answers),
  translationKey,
  source: input.source ?? null,
  utm: input.utm ?? null,
  collectorKey,
  apiKeyKey,
  mailingKey,
  mailingVariantKey,
  shareLinkKey,
  externalId: input.externalId ?? null,
  createdAt,
  confirmedAt,
});

/**
 * Inserts the signature, or finds the one that its signer has on the petition. Throws `external_id_taken` only if that
 * reveals nothing to the actor.
 */
export async function insertOrFind(
  tx: Tx,
  actor: Actor,
  petition: PetitionHead,
  row: NewSignature,
): Promise<{ signature: SignatureHead; isNew: boolean }> {
  const insert = async (named: NewSignature) => {
    const { publicId, status, createdAt, confirmedAt } = named;
    const key = await insertNew(tx, named);
    if (key === undefined) return undefined;
    return { signature: { key, publicId, status, createdAt, confirmedAt }, isNew: true };
  };
  const made = await insert(row);
  if (made) return made;
  const { petitionKey, supporterKey } = row;
  const earlier = await findSigned(tx, { petitionKey, supporterKey });
  if (earlier) return { signature: earlier, isNew: false };
  // Refused although the signer has no signature, so the reason was the external id. An error would reveal that the
  // signer is new.
  const unnamed = (await seesAll(tx, actor, petition))
    ? undefined
    : await insert({ ...row, externalId: null });
  if (unnamed) return unnamed;
  throw new ApiError('external_id_taken', {
    detail: 'Another signature of this petition has this external_id.',
  });
}
