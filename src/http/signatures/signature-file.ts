import { SignatureImportLine } from '../../../schema/api/signatures/signature-import.js';
import type { OwnField } from '../../../schema/db/tables/petitions.js';
import { named } from '../../core/names.js';
import { yesOrNo } from '../../core/signatures/answers.js';
import type { CollectedSignature } from '../../core/signatures/collected-signature.js';
import { signatureColumns, type ImportTarget } from '../../core/signatures/import-columns.js';
import { date } from '../case.js';
import type { FileKind } from './signature-import-lines.js';
import { lineContract, type LineContract, type Values } from './signature-import-values.js';

/** Whether a column of other systems says that the mailbox was not confirmed, so that the signature did not count. */
function wasNotCounted(values: Values): boolean {
  const { confirmed } = values;
  if (typeof confirmed !== 'string') return false;
  delete values['confirmed'];
  return yesOrNo(confirmed) === false;
}

const inputOf = (one: SignatureImportLine): CollectedSignature => ({
  email: one.email,
  ...named({
    name: one.name,
    givenName: one.given_name ?? null,
    familyName: one.family_name ?? null,
  }),
  country: one.country ?? null,
  postalCode: one.postal_code ?? null,
  postalAddress: one.postal_address ?? null,
  phone: one.phone ?? null,
  comment: one.comment ?? null,
  answers: one.answers ?? null,
  ...(one.display ? { display: one.display } : {}),
  hidden: one.hidden === true,
  source: one.source ?? null,
  utm: one.utm ?? null,
  externalId: one.external_id ?? null,
  createdAt: date(one.created_at) ?? null,
  confirmedAt: date(one.confirmed_at) ?? null,
});

/** A line of a file of signatures with addresses. */
const SIGNATURE_LINE: LineContract<SignatureImportLine, CollectedSignature> = {
  ...lineContract(SignatureImportLine, ['email', 'name', 'hidden', 'status']),
  dates: ['created_at', 'confirmed_at'],
  writeDate: (at) => at.toISOString(),
  exactDate: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/,
  prepare: wasNotCounted,
  inputOf,
};

/** Files of signatures with addresses, for a petition with these fields of its own. */
export const signatureFile = (
  ownFields: readonly OwnField[],
): FileKind<ImportTarget, SignatureImportLine, CollectedSignature> => ({
  columns: signatureColumns(ownFields),
  line: SIGNATURE_LINE,
  warning: 'left out: ',
  notRead: [
    'id',
    'petition_id',
    'supporter_id',
    'phone_e164',
    'collector_id',
    'shown',
    'mailing_id',
    'signed_locale',
    'withdrawn_at',
    'suspicion',
  ],
});
