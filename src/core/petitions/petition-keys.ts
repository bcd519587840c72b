import { idPattern, SLUG_PATTERN } from '../../../schema/db/public-id.js';
import type { Reader } from '../../store/store.js';
import { RecentMap } from '../recent-map.js';
import { findAnyHead } from './petition-lookup.js';

const REF = new RegExp(`(?:${idPattern('pet')})|(?:${SLUG_PATTERN})`);
const LONGEST = 100;
const REFS = 1000;

/**
 * Which petition an id or a slug means, for what is counted before a petition is read. Of this process, in memory. What
 * means none is not remembered: nobody can fill it with inventions.
 */
export class PetitionKeys {
  readonly #known = new RecentMap<number, string>(REFS);

  constructor(private readonly on: Reader) {}

  /** Undefined: it was not asked lately. */
  known(ref: string): number | undefined {
    return this.#known.get(ref);
  }

  /**
   * Looks it up, by any slug it ever had. Undefined: there is none that strangers may know of. So nothing is counted for a
   * draft either, and no header tells it from an invention.
   */
  async find(ref: string): Promise<number | undefined> {
    if (ref.length > LONGEST || !REF.test(ref)) return undefined;
    const petition = await findAnyHead(this.on, ref);
    if (!petition || petition.status === 'draft') return undefined;
    this.#known.set(ref, petition.key);
    return petition.key;
  }
}
