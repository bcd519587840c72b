import type { DeliveryColumn } from '../../../schema/db/tables/deliveries.js';
import type { DisclosedField, Disclosure } from '../../../schema/db/tables/petitions.js';
import type { Reader } from '../../store/store.js';
import { disclosedOf, formKeys } from '../petitions/disclosures.js';
import type { ToldFields } from './entries.js';

/* Which columns need that signers were told of them: those beyond what is always handed over. */

const TOLD_COLUMNS: Partial<Record<DeliveryColumn, DisclosedField>> = {
  postal_code: 'postal_code',
  city: 'city',
  region: 'region',
};

/** Those of the columns that a petition with these disclosures does not disclose. */
export const untold = (
  columns: readonly DeliveryColumn[],
  told: readonly DisclosedField[],
): DeliveryColumn[] =>
  columns.filter((column) => {
    const field = TOLD_COLUMNS[column];
    return field !== undefined && !told.includes(field);
  });

/** What the signer of each signature of a petition was told. */
export async function toldBy(
  on: Reader,
  petition: { disclosures: readonly Disclosure[] },
): Promise<ToldFields> {
  const forms = petition.disclosures.length === 0 ? new Set<number>() : await formKeys(on);
  return (signature) => disclosedOf(petition, signature, forms);
}
