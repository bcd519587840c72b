import type { Reader } from '../../store/store.js';
import { speaksFor, type Actor } from '../actor.js';
import type { Counts } from '../counts/counts.js';
import { hidingPetitions } from './partner-terms.js';

/** The counts of a petition as one caller may see them. */
export type ShownCounts = Pick<Counts, 'confirmed' | 'invalidated' | 'paper' | 'offsets'> & {
  /**
   * Null: hidden from the caller. It changes with every signing, and would show whether an address had signed before.
   */
  waiting: Pick<Counts, 'pending' | 'updatedAt'> | null;
};

/** What every caller may see. */
export const publicCounts = ({ confirmed, invalidated, paper, offsets }: Counts): ShownCounts => ({
  confirmed,
  invalidated,
  paper,
  offsets,
  waiting: null,
});

/**
 * Returns a function that selects what the actor may see; only a lead from whom no signatures are hidden gets
 * `waiting`.
 */
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

/** Whether the actor may read all signatures by country, region and source: otherwise it reads what everyone may. */
export async function seesCells(
  on: Reader,
  actor: Actor,
  { key, organizationKey }: { key: number; organizationKey: number },
): Promise<boolean> {
  // A partner sees only those of its signers who agreed to its mail, and the lead what the terms leave it: what is left
  // of a sum, or missing in it, would tell of the others.
  return speaksFor(actor, organizationKey) && !(await hidingPetitions(on, [key])).has(key);
}
