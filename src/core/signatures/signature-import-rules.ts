import { ApiError, type FieldError } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import type { Collected } from './collected-signature.js';
import { assertForm } from './signing-rules.js';

/* The checks of an imported row that do not depend on its signer. */

/** The history of counts begins with this hour. */
const EARLIEST = new Date(0);

/** The errors of a row, undefined if there are none. */
export function errorsOf(tx: Tx, petition: PetitionHead, { input }: Collected): FieldError[] | undefined {
  const { createdAt, confirmedAt } = input;
  const wrong = (pointer: string, code: string, detail: string) => [{ pointer, code, detail }];
  for (const [pointer, at] of [
    ['/created_at', createdAt],
    ['/confirmed_at', confirmedAt],
  ] as const) {
    if (at && at > tx.now) return wrong(pointer, 'future', 'It lies in the future: send when it was signed.');
    if (at && at < EARLIEST) return wrong(pointer, 'past', 'It lies before 1970: send when it was signed.');
  }
  if (confirmedAt && confirmedAt < (createdAt ?? tx.now)) {
    return wrong('/confirmed_at', 'order', 'It lies before created_at: nothing counts before it is signed.');
  }
  try {
    assertForm(petition, input);
  } catch (error) {
    if (error instanceof ApiError) return error.details.errors ?? [];
    throw error;
  }
  return undefined;
}
