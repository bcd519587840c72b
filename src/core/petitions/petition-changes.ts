import type { Sum, Tx } from '../../store/store.js';

/** Adds no numbers; it only notifies live followers of the petition that it was changed. */
const CHANGES: Sum = { notifies: 'petitionKey', write: () => undefined };

/** Every verb that changes a petition must call it, in the same transaction. */
export const tellPetitionChanged = (tx: Tx, petitionKey: number): void =>
  tx.add(CHANGES, { petitionKey }, {});
