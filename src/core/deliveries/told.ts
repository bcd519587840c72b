import type { DeliveryColumn } from '../../../schema/db/tables/deliveries.js';
import type { ToldField, ToldFields } from './entries.js';

/* Which columns need that signers were told of them: those beyond what is always handed over. */

/** Columns that signers must have been told of before they signed. */
const TOLD_COLUMNS: Partial<Record<DeliveryColumn, ToldField>> = {
  postal_code: 'postal_code',
  city: 'city',
  region: 'region',
};

/** Those of the columns that a petition with these fields does not disclose. */
export const untold = (columns: readonly DeliveryColumn[], told: readonly ToldField[]): DeliveryColumn[] =>
  columns.filter((column) => {
    const field = TOLD_COLUMNS[column];
    return field !== undefined && !told.includes(field);
  });

/** What a petition discloses now, and what the signer of each signature was told. */
export const toldBy = (_petition: { key: number }): { now: readonly ToldField[]; fields: ToldFields } => ({
  now: [],
  fields: () => [],
});
