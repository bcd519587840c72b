import { and, eq, inArray, sql, sum } from 'drizzle-orm';
import type { PublicCells, ToldCell } from '../../../schema/db/tables/counts.js';
import type { Reader, Store } from '../../store/store.js';
import { MINUTE_MS } from '../../time.js';
import { MOST_CELLS, type Cell, type Dimension } from './cells.js';
import { total } from './counts.js';
import { FEWEST, NOTHING_TOLD, tellNext, wholeOf, type WholeCell } from './public-cells.js';

/*
 * The cells that everyone may read. They are worked out by a job and kept in the database, so that all servers tell the
 * same: what may be told depends on what was told before (public-cells.ts).
 */

type Clock = { store: Store; now: () => Date };

type Due = { petitionKey: number; confirmed: number };
type Next = Due & { before: { cells: PublicCells; publishedAt: Date } | undefined; cells: PublicCells };

/** Tells what may be told by now, of every petition. Runs every minute. */
export async function publishCells(ctx: Clock): Promise<void> {
  const failures: unknown[] = [];
  for (const due of await readDue(ctx.store.read)) {
    // The others are told all the same.
    await publishOne(ctx, due).catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

/** The petitions where enough has changed. */
async function readDue({ db, tables }: Reader): Promise<Due[]> {
  const { petitionCounts: c, publishedCells: t } = tables;
  const last = sql<number>`coalesce(max(${t.total}), 0)`;
  return db
    .select({ petitionKey: c.petitionKey, confirmed: total(c.confirmed) })
    .from(c)
    .leftJoin(t, eq(t.petitionKey, c.petitionKey))
    .groupBy(c.petitionKey)
    .having(sql`abs(${sum(c.confirmed)} - ${last}) >= ${sql.raw(String(FEWEST))}`);
}

async function publishOne({ store, now }: Clock, due: Due): Promise<void> {
  const { petitionKey } = due;
  const [before] = await store.read.db
    .select()
    .from(store.tables.publishedCells)
    .where(eq(store.tables.publishedCells.petitionKey, petitionKey));
  const at = Math.floor(now().getTime() / MINUTE_MS) * MINUTE_MS;
  // Another server, whose minutes begin at another second, has told something in this one.
  if (before && before.publishedAt.getTime() >= at) return;
  const tell = (was: ToldCell | null, whole: WholeCell): ToldCell | null => {
    const next = tellNext(was ?? NOTHING_TOLD, whole, MOST_CELLS);
    return next ? { ...next, at } : was;
  };
  const { places, sources } = before?.cells ?? { places: null, sources: null };
  const cells = {
    places: tell(places, await readPlaces(store.read, petitionKey)),
    sources: tell(sources, await readSources(store.read, petitionKey)),
  };
  // Also where nothing new may be told: `total` says that this was looked at.
  await write(store, { ...due, before, cells }, now());
}

/** Only if no other server has told something meanwhile. */
const write = (store: Store, { petitionKey, confirmed, before, cells }: Next, publishedAt: Date) =>
  store.transact(async ({ db, tables: { publishedCells: t } }) => {
    const told = { cells, total: confirmed, publishedAt };
    if (!before) {
      await db
        .insert(t)
        .values({ petitionKey, ...told })
        .onConflictDoNothing();
    } else {
      await db
        .update(t)
        .set(told)
        .where(and(eq(t.petitionKey, petitionKey), eq(t.publishedAt, before.publishedAt)));
    }
  });

const MANY = sql.raw(String(FEWEST));

/** By country and region; of a country's small regions only the sum. */
async function readPlaces({ db, tables: { petitionCells: t } }: Reader, petitionKey: number) {
  const c = db
    .select({ country: t.country, region: t.region, n: sum(t.confirmed).as('n') })
    .from(t)
    .where(eq(t.petitionKey, petitionKey))
    .groupBy(t.country, t.region)
    .as('c');
  const region = sql<string | null>`case when ${c.n} >= ${MANY} then ${c.region} end`;
  const rows = await db
    .select({ country: c.country, region, confirmed: total(c.n) })
    .from(c)
    .groupBy(c.country, region);
  return wholeOf(
    rows.map((row) => [row.region === null ? [row.country] : [row.country, row.region], row.confirmed]),
  );
}

async function readSources({ db, tables: { petitionCells: t } }: Reader, petitionKey: number) {
  const c = db
    .select({ source: t.source, n: sum(t.confirmed).as('n') })
    .from(t)
    .where(eq(t.petitionKey, petitionKey))
    .groupBy(t.source)
    .as('c');
  const source = sql<string | null>`case when ${c.n} >= ${MANY} then ${c.source} end`;
  const rows = await db
    .select({ source, confirmed: total(c.n) })
    .from(c)
    .groupBy(source);
  return wholeOf(rows.map((row) => [row.source === null ? [] : [row.source], row.confirmed]));
}

/** Cells, largest first, of all that counted at an instant; null: nothing may be told yet. */
export type ToldCells = { total: number; cells: Cell[]; at: Date | null };

/** What everyone may read of a petition's cells. */
export async function readToldCells(on: Reader, petitionKey: number, by: Dimension): Promise<ToldCells> {
  const { publishedCells: t } = on.tables;
  const [row] = await on.db.select({ cells: t.cells }).from(t).where(eq(t.petitionKey, petitionKey));
  const told = by === 'source' ? row?.cells.sources : row?.cells.places;
  if (!told) return { total: 0, cells: [], at: null };
  const cells = told.parts.flatMap(([name, part]): Cell[] => {
    const cell = { country: '', region: '', source: '', confirmed: part.total };
    if (by === 'source') return [{ ...cell, source: name }];
    if (by === 'country') return [{ ...cell, country: name }];
    return part.parts.map(([region, { total: confirmed }]) => ({
      ...cell,
      country: name,
      region,
      confirmed,
    }));
  });
  const largest = cells.sort((a, b) => b.confirmed - a.confirmed).slice(0, MOST_CELLS);
  return { total: told.total, cells: largest, at: new Date(told.at) };
}

/**
 * Deletes cells that nothing is in any more: what they are called may say something about people who have been erased.
 */
export async function sweepCells(store: Store): Promise<void> {
  for (;;) {
    const empty = await readEmpty(store.read);
    for (const cell of empty) await sweepCell(store, cell);
    if (empty.length < SWEPT_AT_A_TIME) return;
  }
}

const readEmpty = ({ db, tables: { petitionCells: t } }: Reader) =>
  db
    .select({ petitionKey: t.petitionKey, country: t.country, region: t.region, source: t.source })
    .from(t)
    .groupBy(t.petitionKey, t.country, t.region, t.source)
    .having(sql`${sum(t.confirmed)} = 0`)
    .limit(SWEPT_AT_A_TIME);

const SWEPT_AT_A_TIME = 1000;

const sweepCell = (store: Store, cell: Omit<Cell, 'confirmed'> & { petitionKey: number }): Promise<void> =>
  store.transact(async ({ db, tables: { petitionCells: t } }) => {
    const isIt = and(
      eq(t.petitionKey, cell.petitionKey),
      eq(t.country, cell.country),
      eq(t.region, cell.region),
      eq(t.source, cell.source),
    );
    // Changes nothing, but holds the rows: what it returns stays so until they are deleted.
    const held = await db.update(t).set({ petitionKey: cell.petitionKey }).where(isIt).returning();
    if (held.reduce((n, { confirmed }) => n + confirmed, 0) !== 0) return;
    const shards = held.map(({ shard }) => shard);
    await db.delete(t).where(and(isIt, inArray(t.shard, shards)));
  });
