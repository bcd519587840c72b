import type { IdPrefix } from '../../schema/db/public-id.js';
import type { Store } from '../store/store.js';

/** The store, and what is different each time: time, ids and randomness come in here, so that tests are exact. */
export type Basics = {
  readonly store: Store;
  readonly now: () => Date;
  readonly newId: (prefix: IdPrefix) => string;
  readonly random: (bytes: number) => Buffer;
};
