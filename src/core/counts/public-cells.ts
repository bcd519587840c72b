import type { PublicCell } from '../../../schema/db/tables/counts.js';

/*
 * What the public is told of a petition's cells, so that no answer, and no two answers with all public totals between them,
 * tell where one of a few people belongs. Everything that is told, the rest that is told as one included, is 0 or at
 * least FEWEST, and those who come to it or leave it from one answer to the next are 0 or at least FEWEST. What has changed
 * by less goes on being told as it was, and the difference is in the rest.
 *
 * Among what is told as one there is always a large number, or nothing: see `hides`.
 *
 * All of it holds at each level: regions are parts of their country, and what remains of the country is a rest, too.
 */

/** Fewer are not told apart. */
export const FEWEST = 5;

/** A number of signatures with all of its parts. */
export type WholeCell = { total: number; parts: ReadonlyMap<string, WholeCell> };

export const NOTHING_TOLD: PublicCell = { total: 0, parts: [] };
const EMPTY: WholeCell = { total: 0, parts: new Map() };

const isMany = (n: number): boolean => Math.abs(n) >= FEWEST;
const isNoneOrMany = (n: number): boolean => n === 0 || isMany(n);

/** What may be told after `before`; undefined: nothing else yet. `most`: how many parts at each level. */
export function tellNext(before: PublicCell, now: WholeCell, most = Infinity): PublicCell | undefined {
  if (!isMany(now.total - before.total)) return undefined;
  const told = new Map(before.parts);
  const changes = changesOf(told, now, most);
  const fits = hides(told, now, changes);
  const isSafe = (): boolean => {
    const rest = restOf(now.total, told);
    return rest >= 0 && isNoneOrMany(rest) && isNoneOrMany(movedInRest(before, now, told)) && fits();
  };
  for (const { name, next } of changes) put(told, name, next);
  // The smallest changes join the rest first. If that does not suffice and signatures were taken away, so do the
  // smallest parts themselves.
  for (const [i, { name, was, size }] of changes.entries()) {
    // Those of one size together: which of them is told would say that the other is among the rest.
    if (changes[i - 1]?.size !== size && isSafe()) break;
    put(told, name, was);
  }
  if (now.total < before.total) {
    const smallest = [...told].sort(([a, { total: x }], [b, { total: y }]) => x - y || compare(a, b));
    for (const [name] of smallest) {
      if (isSafe()) break;
      told.delete(name);
    }
  }
  return isSafe() ? { total: now.total, parts: [...told] } : undefined;
}

/**
 * Whether the rest hides what is in it. If it were all of small numbers, a reader who knows how many there can be would
 * know each of them: 8 of two is 4 and 4. So there must be a large one among them.
 */
function hides(told: ReadonlyMap<string, PublicCell>, now: WholeCell, changes: readonly Change[]) {
  const varying = new Set([...told.keys(), ...changes.map(({ name }) => name)]);
  const constant = { small: false, large: false };
  let unnamed = now.total;
  for (const [name, { total }] of now.parts) {
    unnamed -= total;
    if (varying.has(name) || total === 0) continue;
    constant[isMany(total) ? 'large' : 'small'] = true;
  }
  if (unnamed !== 0) constant.small = true;
  return (): boolean => {
    // Where no part is told anew, the total is all that is.
    if (changes.every(({ name, was }) => told.get(name) === was)) return true;
    let { small, large } = constant;
    for (const name of varying) {
      const untold = (now.parts.get(name)?.total ?? 0) - (told.get(name)?.total ?? 0);
      large ||= isMany(untold);
      small ||= untold !== 0 && !isMany(untold);
    }
    return large || !small;
  };
}

const restOf = (total: number, parts: ReadonlyMap<string, PublicCell>): number =>
  [...parts.values()].reduce((rest, part) => rest - part.total, total);

/** How many have come to, or left, what was not told before or is not told now: the total tells it with all the others. */
function movedInRest(before: PublicCell, now: WholeCell, told: ReadonlyMap<string, PublicCell>): number {
  let moved = now.total - before.total;
  for (const [name, was] of before.parts) {
    const is = told.get(name);
    if (is) moved -= is.total - was.total;
  }
  return moved;
}

type Change = { name: string; was: PublicCell | undefined; next: PublicCell | undefined; size: number };

/** What could change, the smallest changes first. */
function changesOf(told: ReadonlyMap<string, PublicCell>, now: WholeCell, most: number): Change[] {
  const large = [...now.parts]
    .filter(([, { total }]) => total >= FEWEST)
    .sort(([a, { total: x }], [b, { total: y }]) => y - x || compare(a, b))
    .slice(0, most)
    .map(([name]) => name);
  const isLarge = new Set(large);
  const changes: Change[] = [];
  for (const name of new Set([...told.keys(), ...large])) {
    const was = told.get(name);
    const part = isLarge.has(name) ? now.parts.get(name) : undefined;
    const size = Math.abs((part?.total ?? 0) - (was?.total ?? 0));
    if (!isMany(size)) continue;
    const next = part && tellNext(was ?? NOTHING_TOLD, part, most);
    // Its own parts cannot be told anew.
    if (part && !next) continue;
    changes.push({ name, was, next, size });
  }
  return changes.sort((a, b) => a.size - b.size || compare(a.name, b.name));
}

function put(told: Map<string, PublicCell>, name: string, part: PublicCell | undefined): void {
  if (part) told.set(name, part);
  else told.delete(name);
}

// Not by locale: every server must choose the same.
const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** A cell with its parts, from rows of the path and number of each. */
export function wholeOf(rows: Iterable<readonly [path: readonly string[], n: number]>): WholeCell {
  type Growing = { total: number; parts: Map<string, Growing> };
  const whole: Growing = { ...EMPTY, parts: new Map() };
  for (const [path, n] of rows) {
    whole.total += n;
    let at = whole;
    for (const name of path) {
      let part = at.parts.get(name);
      if (!part) at.parts.set(name, (part = { total: 0, parts: new Map() }));
      part.total += n;
      at = part;
    }
  }
  return whole;
}
