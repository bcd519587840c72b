import type { TSchema } from '@sinclair/typebox';
import { fieldErrors } from '../http/problems.js';
import { validator } from '../http/validation.js';

/** What an operator types is held against the contract of the API, and cleaned alike. Throws what is wrong, in words. */
export function held<Values extends object>(contract: TSchema, values: Values): Values {
  const copy = { ...values };
  const validate = validator({ coerceTypes: false }).compile(contract);
  if (validate(copy)) return copy;
  const [wrong] = fieldErrors((validate.errors ?? []) as never);
  throw new Error(wrong ? `${wrong.pointer.slice(1)}: ${wrong.detail}` : 'it is not valid');
}
