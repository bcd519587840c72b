import { and, between, desc, eq, gte, isNull, max, notExists, sql, sum } from 'drizzle-orm';
import type { Reader, Tx } from '../store/store.js';
import type { Context } from './context.js';
import { total } from './counts.js';
import { slotOf } from './key-figures.js';
import { forgetIsolations } from './key-isolations.js';

const MINUTE = 60_000;

/** When a key is set apart for a petition. */
export const BREAKER = {
  /** Mailboxes that must have been asked before anything is said about a key. */
  asked: 200,
  /** The share of them that must have said yes. */
  rate: 0.1,
  /** How long people get to find the mail and answer. */
  patienceMs: 20 * MINUTE,
  /** How far back it looks for so many. */
  memoryMs: 24 * 60 * MINUTE,
  /** A flood is not waited for: so many in so short a time, of which next to nobody answers. */
  flood: { asked: 1000, rate: 0.02, ms: 30 * MINUTE },
} as const;

export type Figures = { asked: number; confirmed: number };
export type Slot = Figures & { slot: number };

/** The figures that condemn a key; undefined: there are none. `slots` are its latest, the newest first. */
export function collapsed(slots: readonly Slot[], now: Date): Figures | undefined {
  return slowly(slots, now) ?? inAFlood(slots, now);
}

function slowly(slots: readonly Slot[], now: Date): Figures | undefined {
  const ripe = slotOf(now.getTime() - BREAKER.patienceMs) - 1;
  const figures = { asked: 0, confirmed: 0 };
  for (const { slot, asked, confirmed } of slots) {
    // A yes counts at once: whoever said it had been asked.
    figures.confirmed += confirmed;
    if (slot <= ripe) figures.asked += asked;
    if (figures.asked >= BREAKER.asked) break;
  }
  return fails(figures, BREAKER) ? figures : undefined;
}

function inAFlood(slots: readonly Slot[], now: Date): Figures | undefined {
  const { flood } = BREAKER;
  const from = slotOf(now.getTime() - flood.ms);
  const figures = { asked: 0, confirmed: 0 };
  for (const { slot, asked, confirmed } of slots) {
    if (slot < from) break;
    figures.asked += asked;
    figures.confirmed += confirmed;
  }
  return fails(figures, flood) ? figures : undefined;
}

const fails = ({ asked, confirmed }: Figures, least: { asked: number; rate: number }): boolean =>
  asked >= least.asked && confirmed < asked * least.rate;

export type IsolatedKey = { keyId: string; petitionId: string };
type Pair = { apiKeyKey: number; petitionKey: number };

/**
 * Sets apart every key whose confirmations have collapsed, and tells of each. Any number of processes may do this at
 * once: one of them tells.
 */
export async function judgeKeys(ctx: Context, tell: (isolated: IsolatedKey) => void): Promise<void> {
  const now = ctx.now();
  for (const pair of await busyPairs(ctx.store.read, now)) {
    if (!(await judge(ctx.store.read, pair, now))) continue;
    const isolated = await ctx.store.transact((tx) => isolate(tx, pair));
    if (isolated) tell(isolated);
  }
}

/** The keys that asked enough to be judged, and are not set apart already. */
function busyPairs({ db, tables }: Reader, now: Date): PromiseLike<Pair[]> {
  const { keyFigures: t, keyIsolations: isolations } = tables;
  const open = db
    .select({ key: isolations.key })
    .from(isolations)
    .where(
      and(
        eq(isolations.petitionKey, t.petitionKey),
        eq(isolations.apiKeyKey, t.apiKeyKey),
        isNull(isolations.releasedAt),
      ),
    );
  return (
    db
      .select({ apiKeyKey: t.apiKeyKey, petitionKey: t.petitionKey })
      .from(t)
      // Of a range with two ends SQLite uses the index; with one it would read all 30 days in the order of the groups.
      .where(and(between(t.slot, slotOf(now.getTime() - BREAKER.memoryMs), slotOf(now)), notExists(open)))
      .groupBy(t.apiKeyKey, t.petitionKey)
      .having(sql`${sum(t.asked)} >= ${BREAKER.asked}`)
  );
}

/** Judges by what came after the last release: who let it go knew what was before. */
async function judge(on: Reader, pair: Pair, now: Date): Promise<Figures | undefined> {
  const { keyFigures: t, keyIsolations } = on.tables;
  const [last] = await on.db
    .select({ releasedAt: max(keyIsolations.releasedAt) })
    .from(keyIsolations)
    .where(isPair(keyIsolations, pair));
  const first = Math.max(
    slotOf(now.getTime() - BREAKER.memoryMs),
    last?.releasedAt ? slotOf(last.releasedAt) + 1 : 0,
  );
  const slots = await on.db
    .select({ slot: t.slot, asked: total(t.asked), confirmed: total(t.confirmed) })
    .from(t)
    .where(and(isPair(t, pair), gte(t.slot, first)))
    .groupBy(t.slot)
    .orderBy(desc(t.slot));
  return collapsed(slots, now);
}

const isPair = (
  t: Pick<Reader['tables']['keyFigures'] | Reader['tables']['keyIsolations'], 'apiKeyKey' | 'petitionKey'>,
  { apiKeyKey, petitionKey }: Pair,
) => and(eq(t.apiKeyKey, apiKeyKey), eq(t.petitionKey, petitionKey));

async function isolate(tx: Tx, pair: Pair): Promise<IsolatedKey | undefined> {
  // Judged again: it may have been released since.
  const figures = await judge(tx, pair, tx.now);
  if (!figures) return undefined;
  const { keyIsolations, apiKeys, petitions } = tx.tables;
  const [mine] = await tx.db
    .insert(keyIsolations)
    .values({ ...pair, ...figures, isolatedAt: tx.now })
    .onConflictDoNothing()
    .returning({ key: keyIsolations.key });
  // Another process was quicker.
  if (!mine) return undefined;
  forgetIsolations(tx, pair.petitionKey);
  const [names] = await tx.db
    .select({ keyId: apiKeys.publicId, petitionId: petitions.publicId })
    .from(keyIsolations)
    .innerJoin(apiKeys, eq(apiKeys.key, keyIsolations.apiKeyKey))
    .innerJoin(petitions, eq(petitions.key, keyIsolations.petitionKey))
    .where(eq(keyIsolations.key, mine.key));
  return names;
}
