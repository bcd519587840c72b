import type { FormField } from '../../../schema/db/tables/petitions.js';
import { ApiError, invalidBody, type FieldError } from '../../errors.js';
import type { Actor } from '../actor.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import { answerErrors } from './answers.js';
import type { SignInput } from './sign-input.js';

/* The checks of a request to sign that do not depend on who the signer is. */

/** Checks that the key may send what the request contains. Throws `scope_required`. */
export function assertScopes(actor: Actor, { vouched, externalId }: SignInput): void {
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

const FIELDS = [
  { field: 'country', value: 'country', pointer: '/country' },
  { field: 'postal_code', value: 'postalCode', pointer: '/postal_code' },
  { field: 'postal_address', value: 'postalAddress', pointer: '/postal_address' },
  { field: 'phone', value: 'phone', pointer: '/phone' },
  { field: 'comment', value: 'comment', pointer: '/comment' },
] as const satisfies readonly { field: FormField; value: keyof SignInput; pointer: string }[];

type FormError = FieldError & { value: (typeof FIELDS)[number]['value'] };

/** What of the request does not fit the petition's form. */
export function formErrors({ form }: Pick<PetitionHead, 'form'>, input: SignInput): FormError[] {
  const errors: FormError[] = [];
  for (const { field, value, pointer } of FIELDS) {
    const given = input[value] != null;
    if (form[field] === 'required' && !given) {
      errors.push({ value, pointer, code: 'required', detail: 'This petition needs it: send it.' });
    } else if (form[field] === 'off' && given) {
      const detail = 'This petition does not ask for it: leave it out.';
      errors.push({ value, pointer, code: 'not_asked', detail });
    }
  }
  return errors;
}

/** Whether the petition can be signed with one tap in a mail: it requires nothing that only its signers can say. */
export const isTappable = ({ form, formFields }: Pick<PetitionHead, 'form' | 'formFields'>): boolean =>
  form.comment !== 'required' && !formFields.some(({ required }) => required);

/** Throws `form_required` where one tap is not enough, for every token alike. */
export function assertTappable(petition: Pick<PetitionHead, 'form' | 'formFields'>): void {
  if (!isTappable(petition)) {
    throw new ApiError('form_required', {
      detail: 'It requires a comment or fields of its own: send name, email and all that it requires.',
    });
  }
}

/** Checks the request against the petition's form and its own fields. Throws `invalid_body`. */
export function assertForm(petition: Pick<PetitionHead, 'form' | 'formFields'>, input: SignInput): void {
  const errors: FieldError[] = formErrors(petition, input).map(({ value: _value, ...error }) => error);
  errors.push(...answerErrors(petition.formFields, input.answers));
  if (errors.length > 0) throw invalidBody(...errors);
}
