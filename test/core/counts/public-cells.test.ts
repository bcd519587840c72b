import fc from 'fast-check';
import t from 'tap';
import type { PublicCell } from '../../../schema/db/tables/counts.js';
import {
  FEWEST,
  NOTHING_TOLD,
  tellNext,
  wholeOf,
  type WholeCell,
} from '../../../src/core/counts/public-cells.js';

/* What the public is told, held against readers who write down every answer and all totals between them. */

const SEED = Number(process.env['FC_SEED'] ?? 20261128);
const RUNS = Number(process.env['FC_RUNS'] ?? 300);

const isSafe = (n: number): boolean => n === 0 || n >= FEWEST;
const restOf = ({ total, parts }: PublicCell): number =>
  parts.reduce((rest, [, part]) => rest - part.total, total);

/** Every number that an answer tells or that can be computed from it. */
const numbersOf = (cell: PublicCell): number[] => [
  cell.total,
  restOf(cell),
  ...cell.parts.flatMap(([, part]) => numbersOf(part)),
];

/** Every change that can be computed from two answers: of what both tell, and of all else together. */
function movesOf(before: PublicCell, after: PublicCell): number[] {
  const was = new Map(before.parts);
  const both = after.parts.flatMap(([name, part]) =>
    was.has(name) ? [[was.get(name)!, part] as const] : [],
  );
  const inBoth = both.reduce((sum, [old, part]) => sum + part.total - old.total, 0);
  const all = after.total - before.total;
  return [all, all - inBoth, ...both.flatMap(([old, part]) => movesOf(old, part))].map(Math.abs);
}

const flat = (...parts: number[]): WholeCell => wholeOf(parts.map((n, i) => [[`c${i}`], n]));

t.test('small parts are told together, with the smallest other part if they are too few', async (t) => {
  const tell = (...parts: number[]) => {
    const told = tellNext(NOTHING_TOLD, flat(...parts));
    return (
      told && {
        parts: Object.fromEntries(told.parts.map(([name, { total }]) => [name, total])),
        rest: restOf(told),
      }
    );
  };
  t.same(tell(50, 9, 8, 4, 1), { parts: { c0: 50, c1: 9 }, rest: 13 });
  t.same(tell(50, 4, 4), { parts: {}, rest: 58 }, 'eight of two would be four of each');
  t.same(tell(50, 8, 4), { parts: { c0: 50 }, rest: 12 }, 'it would be known to be four');
  t.same(tell(50, 4), { parts: {}, rest: 54 }, 'also by subtraction from the total');
  t.same(tell(50, 8), { parts: { c0: 50, c1: 8 }, rest: 0 });
  t.same(tell(3, 1), undefined, 'fewer than five are not told at all');
});

t.test('a change of fewer than five is not told', async (t) => {
  const first = tellNext(NOTHING_TOLD, flat(50, 20))!;
  t.equal(tellNext(first, flat(54, 20)), undefined);
  t.equal(restOf(first), 0);
  const second = tellNext(first, flat(59, 21))!;
  t.same(second.parts, first.parts, 'or the tenth would be known to be elsewhere');
  t.equal(restOf(second), 10);
  const third = tellNext(second, flat(60, 30))!;
  t.same(
    new Map(third.parts.map(([name, { total }]) => [name, total])),
    new Map([
      ['c0', 60],
      ['c1', 30],
    ]),
  );
  t.equal(restOf(third), 0);
});

t.test('what has become small is told no more', async (t) => {
  const first = tellNext(NOTHING_TOLD, flat(50, 20))!;
  const second = tellNext(first, flat(50, 3))!;
  t.same([restOf(second), second.parts], [53, []]);
});

t.test('no number, and no change of one, is from one to four', async (t) => {
  const change = fc.record({
    country: fc.constantFrom('a', 'a', 'a', 'b', 'b', 'c', ''),
    region: fc.constantFrom('x', 'x', 'y', 'z', ''),
    n: fc.oneof(fc.integer({ min: -6, max: 12 }), fc.constantFrom(1, 1, 4, 5, -1)),
  });
  let told = 0;
  const most = fc.constantFrom(2, Infinity);
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 8 }), { maxLength: 30 }), most, (history, most) => {
      const cells = new Map<string, number>();
      let before: PublicCell = NOTHING_TOLD;
      for (const step of history) {
        for (const { country, region, n } of step) {
          const path = `${country}\n${region}`;
          cells.set(path, Math.max(0, (cells.get(path) ?? 0) + n));
        }
        const now = wholeOf([...cells].map(([path, n]) => [path.split('\n'), n]));
        const next = tellNext(before, now, most);
        if (!next) continue;
        told += 1;
        if (next.total !== now.total) throw new Error('The total is not that of the rows');
        const unsafe = [...numbersOf(next), ...movesOf(before, next)].filter((n) => !isSafe(n));
        if (unsafe.length > 0) throw new Error(`${JSON.stringify([before, next])} tells ${unsafe.join()}`);
        before = next;
      }
    }),
    { seed: SEED, numRuns: RUNS },
  );
  t.ok(told > RUNS, `${told} answers`);
});

t.test('a reader who knows the rules cannot work out a cell either', async (t) => {
  // All that three cells may be, by what is told of them: what only one number explains is known.
  const all = function* (most: number) {
    for (let a = 0; a <= most; a += 1) {
      for (let b = 0; b <= most; b += 1) for (let c = 0; c <= most; c += 1) yield [a, b, c];
    }
  };
  const keyOf = (cell: PublicCell | undefined, total: number) => JSON.stringify([total, cell]);
  const known = (found: Iterable<number[][]>) => {
    const out: string[] = [];
    for (const tables of found) {
      for (const i of [0, 1, 2]) {
        const [only, ...more] = new Set(tables.map((table) => table[i]!));
        if (more.length === 0 && !isSafe(Math.abs(only!))) out.push(JSON.stringify([tables, i]));
      }
    }
    return out;
  };
  const answers = new Map<string, number[][]>();
  for (const table of all(14)) {
    const told = tellNext(NOTHING_TOLD, flat(...table));
    const key = keyOf(
      told,
      table.reduce((sum, n) => sum + n),
    );
    answers.set(key, [...(answers.get(key) ?? []), table]);
  }
  t.same(known(answers.values()), []);
});
