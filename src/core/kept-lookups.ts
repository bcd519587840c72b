import type { Store } from '../store/store.js';

export type KeptLookups<Found> = {
  /** What was found, if nothing was committed since. */
  known(code: string): Found | undefined;
  /** What is known, synchronously; otherwise what `find` finds. */
  find(code: string): Found | Promise<Found>;
};

/** Looks up what codes in busy links lead to. `find` may throw, which is not kept. */
export function keptLookups<Found extends object>(
  store: Pick<Store, 'generation'>,
  most: number,
  find: (code: string) => Promise<Found>,
): KeptLookups<Found> {
  const kept = new Map<string, { generation: number; found: Found }>();

  async function look(code: string, generation: number | undefined): Promise<Found> {
    const found = await find(code);
    if (generation === undefined) return found;
    if (kept.size >= most && !kept.has(code)) kept.clear();
    kept.set(code, { generation, found });
    return found;
  }

  function known(code: string): Found | undefined {
    const entry = kept.get(code);
    return entry !== undefined && entry.generation === store.generation() ? entry.found : undefined;
  }

  return { known, find: (code) => known(code) ?? look(code, store.generation()) };
}
