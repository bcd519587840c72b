/* Encodes many sets of values for PostgreSQL: one array per parameter. */

/** A value in PostgreSQL's text format. */
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

/** One array literal per parameter. Cheaper than the driver's own encoding of arrays. */
export const arraysOf = (sets: readonly ValueSet[]): string[] =>
  (sets[0]?.texts ?? []).map((_, i) => `{${sets.map(({ texts }) => element(texts[i] ?? null)).join(',')}}`);

const element = (text: Text): string =>
  text === null ? 'NULL' : /["\\]/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : `"${text}"`;

/** The sets as a table `v` with columns `p1`, `p2`, … and `n`. */
export const unnest = (types: readonly string[]): string =>
  `unnest(${types.map((type, i) => `$${i + 1}::${type}[]`).join(', ')}) with ordinality as v(${types.map((_, i) => `p${i + 1}`).join(', ')}, n)`;

/** The distinct sets, and for each set its index among them. */
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

/**
 * Splits sets into rounds without two sets that agree in the parameters `by`: a statement must not touch a row twice.
 */
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
 * Sorts sets so that all transactions lock rows of a table in the same order, and cannot deadlock: by the columns in
 * their order, of which the unique ones must come first in the insert. The random public id (the parameter `besides`)
 * is ignored. A table that breaks this rule could deadlock between two processes, which PostgreSQL resolves after a
 * second.
 */
export const inOneOrder = (sets: readonly ValueSet[], besides: number): ValueSet[] =>
  [...sets].sort((a, b) => {
    for (const [i, text] of a.texts.entries()) {
      const [mine, theirs] = [text ?? '', b.texts[i] ?? ''];
      if (i !== besides && mine !== theirs) return mine < theirs ? -1 : 1;
    }
    return 0;
  });
