/* Many sets of values on their way to PostgreSQL: one array for each parameter. */

/** A value as PostgreSQL reads it in an array. */
export type Text = string | null;

/** The values of one call, and the same as text. */
export type ValueSet = { values: Record<string, unknown>; texts: Text[] };

export function textOf(value: unknown): Text {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error('a value has to be encoded by its column');
}

/** For each parameter an array of its values, as text: cheaper than what the driver makes of arrays. */
export const arraysOf = (sets: readonly ValueSet[]): string[] =>
  (sets[0]?.texts ?? []).map((_, i) => `{${sets.map(({ texts }) => element(texts[i] ?? null)).join(',')}}`);

const element = (text: Text): string =>
  text === null ? 'NULL' : /["\\]/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : `"${text}"`;

/** The sets as a table `v` with columns `p1`, `p2`, … and `n`. */
export const unnest = (types: readonly string[]): string =>
  `unnest(${types.map((type, i) => `$${i + 1}::${type}[]`).join(', ')}) with ordinality as v(${types.map((_, i) => `p${i + 1}`).join(', ')}, n)`;

/** Which of the sets differ, and for each set which of those it is. */
export function distinctOf(sets: readonly ValueSet[]): { distinct: ValueSet[]; places: number[] } {
  const distinct: ValueSet[] = [];
  const known = new Map<string, number>();
  const places = sets.map((set) => {
    const id = JSON.stringify(set.texts);
    const place = known.get(id);
    if (place !== undefined) return place;
    known.set(id, distinct.length);
    return distinct.push(set) - 1;
  });
  return { distinct, places };
}

/** Rounds in none of which two sets have the same values of some parameters: one statement must not meet a row twice. */
export function roundsOf(sets: readonly ValueSet[], by: readonly number[]): ValueSet[][] {
  if (by.length === 0) return [[...sets]];
  const rounds: ValueSet[][] = [];
  const met = new Map<string, number>();
  for (const set of sets) {
    const id = JSON.stringify(by.map((i) => set.texts[i]));
    const round = met.get(id) ?? 0;
    met.set(id, round + 1);
    (rounds[round] ??= []).push(set);
  }
  return rounds;
}

/**
 * Everybody locks the rows of a table in one order, or two transactions would wait for each other: by the columns as they
 * come, in which what is unique stands first. Only a public id (the parameter `besides`) says nothing. A table whose
 * unique columns do not come first in its insert could deadlock between two processes: PostgreSQL notices after a second.
 */
export const inOneOrder = (sets: readonly ValueSet[], besides: number): ValueSet[] =>
  [...sets].sort((a, b) => {
    for (const [i, text] of a.texts.entries()) {
      const [mine, theirs] = [text ?? '', b.texts[i] ?? ''];
      if (i !== besides && mine !== theirs) return mine < theirs ? -1 : 1;
    }
    return 0;
  });
