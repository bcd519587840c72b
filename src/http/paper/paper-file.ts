import { PaperImportLine } from '../../../schema/api/paper/paper-import.js';
import type { PaperField } from '../../../schema/db/tables/paper.js';
import { named } from '../../core/names.js';
import { PAPER_COLUMN_KIND } from '../../core/paper/paper-columns.js';
import type { PaperTally } from '../../core/paper/paper-import.js';
import type { PaperInput } from '../../core/paper/paper-rows.js';
import type { FieldError } from '../../errors.js';
import type { FileKind } from '../signatures/signature-import-lines.js';
import { about, lineContract, type Values } from '../signatures/signature-import-values.js';

/** Paper has no mailbox. An address is not stored, and its signer could never be asked. */
function dropEmail(values: Values, warnings: FieldError[]): void {
  const { email } = values;
  delete values['email'];
  if (email === undefined || email === null || email === '') return;
  const detail =
    'Signatures with an e-mail address are imported with importSignatures. It is entered as a paper signature, and the address is not stored.';
  warnings.push(...about('email', 'not_asked', detail));
}

/** Of an instant, the day on which it was written that it is. */
function keepDay(values: Values): void {
  const { signed_on: day } = values;
  const [written] = typeof day === 'string' ? (/^\d{4}-\d\d-\d\d(?=T)/.exec(day.trim()) ?? []) : [];
  if (written !== undefined) values['signed_on'] = written;
}

export const toPaperInput = (one: PaperImportLine): PaperInput => ({
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
  ...(one.display ? { display: one.display } : {}),
  hidden: one.hidden === true,
  sheet: one.sheet ?? null,
  signedOn: one.signed_on ?? null,
  externalId: one.external_id ?? null,
});

/** What to do after an import was stopped. */
export const afterPaperStop = ({ batchId }: PaperTally): string =>
  batchId === null
    ? 'Nothing of the file is kept: send it again.'
    : `What was entered could not be taken back: send DELETE /v1/paper-batches/${batchId} before you send the file again.`;

/** Files of paper signatures. */
export const PAPER_FILE: FileKind<PaperField, PaperImportLine, PaperInput> = {
  columns: PAPER_COLUMN_KIND,
  line: {
    ...lineContract(PaperImportLine, ['name', 'hidden', 'status']),
    dates: ['signed_on'],
    writeDate: (at) => at.toISOString().slice(0, 10),
    exactDate: /^\d{4}-\d\d-\d\d$/,
    prepare: (values, warnings) => {
      dropEmail(values, warnings);
      keepDay(values);
      return false;
    },
    inputOf: toPaperInput,
  },
  notRead: ['id', 'petition_id', 'organization_id', 'batch_id', 'reason', 'shown', 'created_at'],
  warning: '',
};
