import type { FormField } from '../../../schema/db/tables/petitions.js';
import type { ImportField } from '../../../schema/db/tables/signatures.js';
import type { FieldError } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import { answerColumn, readAnswers } from './answers.js';
import type { CollectedSignature } from './collected-signature.js';
import { formErrors } from './signing-rules.js';

/*
 * What an imported row may hold, whoever signed it. The collecting organization vouches that people have signed, so
 * what does not fit is left out, and they stay in.
 */

/** The history of counts begins with this hour. */
const EARLIEST = new Date(0);

/** Nearly all rows of most files fit: they are looked at before they are copied. */
function fits(
  now: Date,
  petition: Pick<PetitionHead, 'form' | 'formFields'>,
  input: CollectedSignature,
): boolean {
  const { createdAt, confirmedAt, answers } = input;
  const isPast = (at: Date | null | undefined) => !at || (at <= now && at >= EARLIEST);
  return (
    isPast(createdAt) &&
    isPast(confirmedAt) &&
    (!confirmedAt || confirmedAt >= (createdAt ?? now)) &&
    petition.formFields.length === 0 &&
    answers == null &&
    formErrors(petition, input).length === 0
  );
}

/** The row without what does not fit, and why. Undefined: there is nothing to change. */
export function fitted(
  { now }: Pick<Tx, 'now'>,
  petition: Pick<PetitionHead, 'form' | 'formFields'>,
  input: CollectedSignature,
): { input: CollectedSignature; warnings: FieldError[] } | undefined {
  if (fits(now, petition, input)) return undefined;
  const fit = { ...input };
  const warnings: FieldError[] = [];
  const warn = (pointer: string, code: string, detail: string) => warnings.push({ pointer, code, detail });
  for (const [pointer, field] of [
    ['/created_at', 'createdAt'],
    ['/confirmed_at', 'confirmedAt'],
  ] as const) {
    const at = input[field];
    if (!at || (at <= now && at >= EARLIEST)) continue;
    fit[field] = null;
    if (at > now) warn(pointer, 'future', 'It lies in the future: send when it was signed.');
    else warn(pointer, 'past', 'It lies before 1970: send when it was signed.');
  }
  if (fit.confirmedAt && fit.confirmedAt < (fit.createdAt ?? now)) {
    fit.confirmedAt = null;
    warn('/confirmed_at', 'order', 'It lies before created_at: nothing counts before it is signed.');
  }
  for (const { value, ...error } of formErrors(petition, input)) {
    if (error.code === 'not_asked') fit[value] = null;
    warnings.push(error);
  }
  if (petition.formFields.length > 0 || input.answers != null) {
    const read = readAnswers(petition.formFields, input.answers);
    fit.answers = read.answers;
    warnings.push(...read.warnings);
  }
  return { input: fit, warnings };
}

const FORM_FIELDS: Partial<Record<string, FormField>> = {
  country: 'country',
  postal_code: 'postal_code',
  postal_address_lines: 'postal_address',
  postal_address_city: 'postal_address',
  postal_address_region: 'postal_address',
  phone: 'phone',
  comment: 'comment',
} satisfies Partial<Record<ImportField, FormField>>;

/** Whether the petition has a place for a column. */
export const isAskedBy =
  ({ form, formFields }: Pick<PetitionHead, 'form' | 'formFields'>) =>
  (column: string): boolean => {
    if (column.startsWith(answerColumn(''))) {
      return formFields.some(({ name, former }) => answerColumn(name) === column && !former);
    }
    const field = FORM_FIELDS[column];
    return field === undefined || form[field] !== 'off';
  };
