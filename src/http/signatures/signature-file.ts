import { SignatureImportLine } from '../../../schema/api/signatures/signature-import.js';
import type { ImportField } from '../../../schema/db/tables/signatures.js';
import type { CollectedSignature } from '../../core/signatures/collected-signature.js';
import { SIGNATURE_COLUMN_KIND } from '../../core/signatures/import-columns.js';
import { date } from '../case.js';
import type { FileKind } from './signature-import-lines.js';
import { lineContract, NO, type LineContract, type Values } from './signature-import-values.js';

/** Whether a column of other systems says that the mailbox was not confirmed, so that the signature did not count. */
function wasNotCounted(values: Values): boolean {
  const { confirmed } = values;
  if (typeof confirmed !== 'string') return false;
  delete values['confirmed'];
  return NO.test(confirmed.trim());
}

const inputOf = (one: SignatureImportLine): CollectedSignature => ({
  email: one.email,
  name: one.name,
  country: one.country ?? null,
  postalCode: one.postal_code ?? null,
  postalAddress: one.postal_address ?? null,
  phone: one.phone ?? null,
  comment: one.comment ?? null,
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

/** Files of signatures with addresses. */
export const SIGNATURE_FILE: FileKind<ImportField, SignatureImportLine, CollectedSignature> = {
  columns: SIGNATURE_COLUMN_KIND,
  line: SIGNATURE_LINE,
  warning: 'left out: ',
  notRead: [
    'id',
    'petition_id',
    'supporter_id',
    'collector_id',
    'shown',
    'mailing_id',
    'withdrawn_at',
    'suspicion',
  ],
};
