import type { Reader } from '../../store/store.js';
import { speaksFor, type Actor } from '../actor.js';
import type { Counts } from '../counts/counts.js';
import { hidingPetitions } from './partner-terms.js';

/** The counts of a petition as they are shown to somebody. */
export type ShownCounts = Pick<Counts, 'confirmed' | 'invalidated'> & {
  /** Null: not for them. It moves with a request, and would tell whether an address had signed before. */
  waiting: Pick<Counts, 'pending' | 'updatedAt'> | null;
};

/** What anybody may see. */
export const publicCounts = ({ confirmed, invalidated }: Counts): ShownCounts => ({
  confirmed,
  invalidated,
  waiting: null,
});

/** Tells what an actor is shown: the lead what waits, where no partner's signatures are hidden from it. */
export async function countsShownTo(
  on: Reader,
  actor: Actor,
  petitions: readonly { key: number; organizationKey: number }[],
): Promise<(petitionKey: number, counts: Counts) => ShownCounts> {
  const own = petitions
    .filter(({ organizationKey }) => speaksFor(actor, organizationKey))
    .map(({ key }) => key);
  const hiding = await hidingPetitions(on, own);
  return (key, counts) => {
    const { pending, updatedAt } = counts;
    const seesAll = own.includes(key) && !hiding.has(key);
    return { ...publicCounts(counts), waiting: seesAll ? { pending, updatedAt } : null };
  };
}
