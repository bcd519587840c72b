import type { IdPrefix } from '../../schema/db/public-id.js';
import type { Store } from '../store/store.js';

/** The store, and all that differs between two runs: time, ids and randomness come in here, so tests can fix them. */
export type Basics = {
  readonly store: Store;
  readonly now: () => Date;
  readonly newId: (prefix: IdPrefix) => string;
  readonly random: (bytes: number) => Buffer;
};
