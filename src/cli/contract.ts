import type { TSchema } from '@sinclair/typebox';
import { fieldErrors } from '../http/problems.js';
import { validator } from '../http/validation.js';

/** Validates what an operator typed against a contract of the API, and returns it cleaned. Throws a readable error. */
export function held<Values extends object>(contract: TSchema, values: Values): Values {
  const copy = { ...values };
  const validate = validator({ coerceTypes: false }).compile(contract);
  if (validate(copy)) return copy;
  const [wrong] = fieldErrors((validate.errors ?? []) as never);
  throw new Error(wrong ? `${wrong.pointer.slice(1)}: ${wrong.detail}` : 'it is not valid');
}
