import type { Reader } from '../../store/store.js';
import { speaksFor, type Actor } from '../context.js';
import type { Counts } from '../counts/counts.js';
import { hidingPetitions } from './partner-terms.js';

/** The counts of a petition as somebody is shown them: null is what is not for them. */
export type ShownCounts = Omit<Counts, 'pending' | 'updatedAt'> & {
  pending: Counts['pending'] | null;
  updatedAt: Counts['updatedAt'];
};

/** What anybody may see. What waits moves with a request: its sum would tell whether an address had signed before. */
export const publicCounts = (counts: Counts): ShownCounts => ({ ...counts, pending: null, updatedAt: null });

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
  return (key, counts) => (own.includes(key) && !hiding.has(key) ? counts : publicCounts(counts));
}
