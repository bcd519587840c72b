import { eq, max, min } from 'drizzle-orm';
import type { Reader } from '../../store/store.js';
import { HOUR_MS } from '../../time.js';
import { readCounts, readHistory, totalOf, type Counts } from './counts.js';

/* How the total of a petition has grown, in few points however old it is. */

/** What counted at an instant, in milliseconds since 1970. */
export type GrowthPoint = { at: number; total: number };
export type Growth = { counts: Counts; points: GrowthPoint[] };

/** Hours in one step. */
const STEPS = [1, 2, 3, 4, 6, 8, 12, 24, 48, 72, 120, 168, 240, 336, 504, 720, 840, 1008, 1440, 2160];
const LONGEST = 8760;
/** With the first and the last point there are 120 at most. */
const MOST_STEPS = 116;

type Added = { at: number; count: number };

/**
 * The points of a line that rises where signatures came, and is level where none did: from nothing, at `from` or at the
 * first signature if that was earlier, to the present total at `until`. Signatures that were confirmed stand at their hour,
 * paper where it was entered, and a number from elsewhere where it was recorded.
 */
export async function readGrowth(
  on: Reader,
  petitionKey: number,
  { from, until }: { from: Date; until: Date },
): Promise<Growth> {
  const { petitionHistory: t } = on.tables;
  const [ends] = await on.db
    .select({ first: min(t.hour), last: max(t.hour) })
    .from(t)
    .where(eq(t.petitionKey, petitionKey));
  const counts = await readCounts(on, petitionKey);
  const others = await readOthers(on, petitionKey, counts.paper);
  const firsts = others.map(({ at }) => at);
  if (ends?.first != null) firsts.push(ends.first * HOUR_MS);
  const begin = Math.min(from.getTime(), ...firsts);
  const end = Math.max(until.getTime(), begin, ...others.map(({ at }) => at));
  const hours = STEPS.find((step) => (end - begin) / HOUR_MS / step <= MOST_STEPS - 1) ?? LONGEST;
  const stepMs = hours * HOUR_MS;
  // A bucket begins at a multiple of its length, which can be before the first hour.
  const range = {
    petitionKey,
    hours,
    from: new Date(begin - (begin % stepMs)),
    before: new Date(end + stepMs),
  };
  const sums = new Map<number, number>();
  for (const { from: at, confirmed } of await readHistory(on, range)) sums.set(at.getTime(), confirmed);
  for (const { at, count } of others) {
    const bucket = at - (at % stepMs);
    sums.set(bucket, (sums.get(bucket) ?? 0) + count);
  }
  return { counts, points: pointsOf(sums, { begin, end, stepMs, total: totalOf(counts) }) };
}

/** Paper by its batches, as much of each as counts of all; and the numbers from elsewhere. */
async function readOthers({ db, tables }: Reader, petitionKey: number, paper: number): Promise<Added[]> {
  const { paperBatches: b, offsets: o } = tables;
  const batches = await db
    .select({ at: b.begunAt, count: b.created })
    .from(b)
    .where(eq(b.petitionKey, petitionKey));
  const offsets = await db
    .select({ at: o.createdAt, count: o.count })
    .from(o)
    .where(eq(o.petitionKey, petitionKey));
  const entered = batches.reduce((sum, { count }) => sum + count, 0);
  const share = entered === 0 ? 0 : paper / entered;
  return [...batches.map(({ at, count }) => ({ at, count: count * share })), ...offsets].map(
    ({ at, count }) => ({ at: at.getTime(), count }),
  );
}

function pointsOf(
  sums: ReadonlyMap<number, number>,
  { begin, end, stepMs, total }: { begin: number; end: number; stepMs: number; total: number },
): GrowthPoint[] {
  const points: GrowthPoint[] = [{ at: begin, total: 0 }];
  let sum = 0;
  for (const [bucket, count] of [...sums].sort(([a], [b]) => a - b)) {
    const from = Math.min(end, Math.max(begin, bucket));
    if (from > (points.at(-1)?.at ?? begin)) points.push({ at: from, total: sum });
    sum += count;
    points.push({ at: Math.max(from, Math.min(end, bucket + stepMs)), total: Math.round(sum) });
  }
  // As the number beside it says, also where something has been counted between the reads.
  const last = points.at(-1);
  if (last && points.length > 1 && last.at >= end) last.total = total;
  else points.push({ at: end, total });
  return points;
}
