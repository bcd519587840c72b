import type { Store } from '../store/store.js';

/**
 * Looks up what codes in busy links lead to. Answers synchronously from memory if nothing was committed since the last
 * lookup. `find` may throw, which is not kept.
 */
export function keptLookups<Found>(
  store: Pick<Store, 'generation'>,
  most: number,
  find: (code: string) => Promise<Found>,
): (code: string) => Found | Promise<Found> {
  const kept = new Map<string, { generation: number; found: Found }>();

  async function look(code: string, generation: number | undefined): Promise<Found> {
    const found = await find(code);
    if (generation === undefined) return found;
    if (kept.size >= most && !kept.has(code)) kept.clear();
    kept.set(code, { generation, found });
    return found;
  }

  return (code) => {
    const generation = store.generation();
    const known = kept.get(code);
    return known !== undefined && known.generation === generation ? known.found : look(code, generation);
  };
}
