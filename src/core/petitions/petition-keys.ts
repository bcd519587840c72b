import { idPattern, SLUG_PATTERN } from '../../../schema/db/public-id.js';
import type { Reader } from '../../store/store.js';
import { RecentMap } from '../recent-map.js';
import { findAnyHead } from './petition-lookup.js';

const REF = new RegExp(`(?:${idPattern('pet')})|(?:${SLUG_PATTERN})`);
const LONGEST = 100;
const REFS = 1000;

/**
 * Maps ids and slugs to petitions, for limits that count before the petition is read. Kept in this process's memory.
 * Unknown refs are not stored, so that made-up ones cannot fill it.
 */
export class PetitionKeys {
  readonly #known = new RecentMap<number, string>(REFS);

  constructor(private readonly on: Reader) {}

  /** Undefined: not looked up lately. */
  known(ref: string): number | undefined {
    return this.#known.get(ref);
  }

  /**
   * Looks up an id or any slug, past ones included. Undefined if strangers cannot see the petition: drafts must not be
   * counted either, or the headers of limits would show that they exist.
   */
  async find(ref: string): Promise<number | undefined> {
    if (ref.length > LONGEST || !REF.test(ref)) return undefined;
    const petition = await findAnyHead(this.on, ref);
    if (!petition || petition.status === 'draft') return undefined;
    this.#known.set(ref, petition.key);
    return petition.key;
  }
}
