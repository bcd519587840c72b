import { and, between, desc, eq, gte, max, sql, sum } from 'drizzle-orm';
import type { Reader, Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { total } from '../counts/counts.js';
import { SLOT_MS, slotOf } from '../counts/key-figures.js';
import { forgetIsolations, standingOf } from './key-isolations.js';
import { isolateNetworks, readAsks, type Ask, type NetworkFigures } from './key-networks.js';

const MINUTE = 60_000;

/** When a key is set apart for a petition. */
export const BREAKER = {
  /** RecentSpellings that must have been asked before anything is said about a key. */
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

/** When a network is set apart, of a key that goes bad; and how many are no longer the doing of some, but of the key. */
export const NETWORKS = {
  asked: 10,
  rate: 0.1,
  flood: { asked: 50, rate: 0.02, patienceMs: 5 * MINUTE },
  many: 20,
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

export type Verdict = {
  /** Those that are to be set apart. */
  networks: NetworkFigures[];
  /** Whether the key is bad itself: too many networks are, or what is left when each has little weight. */
  key: boolean;
};

/** Judges where the mailboxes come from that were asked for what came through a key that goes bad. */
export function judgeNetworks(asks: readonly Ask[], now: Date): Verdict {
  const all = byNetwork(asks);
  const networks = [...all].flatMap(([network, theirs]) => condemned(network, theirs, now) ?? []);
  for (const { network } of networks) all.delete(network);
  const others = [...all.values()];
  const key =
    networks.length >= NETWORKS.many ||
    slowly(slotsOf(others, NETWORKS.asked), now) !== undefined ||
    inAFlood(slotsOf(others, NETWORKS.flood.asked), now) !== undefined;
  return { networks, key };
}

function byNetwork(asks: readonly Ask[]): Map<string, Ask[]> {
  const networks = new Map<string, Ask[]>();
  for (const ask of asks) {
    const theirs = networks.get(ask.network);
    if (theirs) theirs.push(ask);
    else networks.set(ask.network, [ask]);
  }
  return networks;
}

function condemned(network: string, asks: readonly Ask[], now: Date): NetworkFigures | undefined {
  const { flood } = NETWORKS;
  const ago = (ms: number) => new Date(now.getTime() - ms);
  const confirmed = asks.filter(({ confirmedAt }) => confirmedAt !== null).length;
  const ripe = asks.filter(({ askedAt }) => askedAt <= ago(BREAKER.patienceMs)).length;
  const flooding = asks.filter(
    ({ askedAt }) => askedAt <= ago(flood.patienceMs) && askedAt >= ago(BREAKER.flood.ms),
  ).length;
  const isBad = fails({ asked: ripe, confirmed }, NETWORKS) || fails({ asked: flooding, confirmed }, flood);
  return isBad ? { network, asked: asks.length, confirmed } : undefined;
}

/** The figures of networks, the newest slot first: of those that have not answered fewer than `most` of each. */
function slotsOf(networks: readonly (readonly Ask[])[], most: number): Slot[] {
  const slots = new Map<number, Slot>();
  const add = (at: Date, change: Partial<Figures>) => {
    const slot = slotOf(at);
    const { asked, confirmed } = slots.get(slot) ?? { asked: 0, confirmed: 0 };
    const sum = { asked: asked + (change.asked ?? 0), confirmed: confirmed + (change.confirmed ?? 0) };
    slots.set(slot, { slot, ...sum });
  };
  for (const asks of networks) {
    let silent = 0;
    for (const { askedAt, confirmedAt } of asks) {
      if (confirmedAt) add(confirmedAt, { confirmed: 1 });
      else if ((silent += 1) >= most) continue;
      add(askedAt, { asked: 1 });
    }
  }
  return [...slots.values()].sort((a, b) => b.slot - a.slot);
}

export type IsolatedKey = { keyId: string; petitionId: string };
type Pair = { apiKeyKey: number; petitionKey: number; kind: 'publishable' | 'secret' };

/**
 * Judges every key that is busy, and sets apart what is to be: networks first, the key itself if there are many, or if it
 * is secret. Tells of each key. Any number of processes may do this at once: one of them tells.
 */
export async function judgeKeys(ctx: Context, tell: (isolated: IsolatedKey) => void): Promise<void> {
  const now = ctx.now();
  for (const pair of await busyPairs(ctx.store.read, now)) {
    const { key, networks } = await judge(ctx.store.read, pair, now);
    if (!key && networks.length === 0) continue;
    const isolated = await ctx.store.transact((tx) => setApart(tx, pair));
    if (isolated) tell(isolated);
  }
}

/** The keys that asked enough to be judged. */
function busyPairs({ db, tables }: Reader, now: Date): PromiseLike<Pair[]> {
  const { keyFigures: t, apiKeys } = tables;
  return (
    db
      .select({ apiKeyKey: t.apiKeyKey, petitionKey: t.petitionKey, kind: apiKeys.kind })
      .from(t)
      .innerJoin(apiKeys, eq(apiKeys.key, t.apiKeyKey))
      // Of a range with two ends SQLite uses the index; with one it would read all 30 days in the order of the groups.
      .where(between(t.slot, slotOf(now.getTime() - BREAKER.memoryMs), slotOf(now)))
      .groupBy(t.apiKeyKey, t.petitionKey, apiKeys.kind)
      .having(sql`${sum(t.asked)} >= ${BREAKER.asked}`)
  );
}

type Sentence = { key: Figures | undefined; networks: NetworkFigures[] };

/** What is to be set apart, and is not yet. */
async function judge(on: Reader, pair: Pair, now: Date): Promise<Sentence> {
  const { apiKeyKey, petitionKey, kind } = pair;
  const { isolated, networks } = await standingOf(on, petitionKey, apiKeyKey, now);
  const first = await firstSlot(on, pair, now);
  const figures = collapsed(await readSlots(on, pair, first), now);
  if (kind === 'secret') return { key: isolated ? undefined : figures, networks: [] };
  // Of a key that is set apart the networks go on being judged: who works for it still gets through.
  if (!figures && !isolated) return { key: undefined, networks: [] };
  const verdict = judgeNetworks(await readAsks(on, pair, new Date(first * SLOT_MS)), now);
  return {
    key: verdict.key && !isolated ? figures : undefined,
    networks: verdict.networks.filter(({ network }) => !networks.has(network)),
  };
}

/** Judged is what came after the last release: who let it go knew what was before. */
async function firstSlot(
  { db, tables: { keyIsolations: t } }: Reader,
  pair: Pair,
  now: Date,
): Promise<number> {
  const [last] = await db
    .select({ releasedAt: max(t.releasedAt) })
    .from(t)
    .where(isPair(t, pair));
  return Math.max(
    slotOf(now.getTime() - BREAKER.memoryMs),
    last?.releasedAt ? slotOf(last.releasedAt) + 1 : 0,
  );
}

const readSlots = (
  { db, tables: { keyFigures: t } }: Reader,
  pair: Pair,
  first: number,
): PromiseLike<Slot[]> =>
  db
    .select({ slot: t.slot, asked: total(t.asked), confirmed: total(t.confirmed) })
    .from(t)
    .where(and(isPair(t, pair), gte(t.slot, first)))
    .groupBy(t.slot)
    .orderBy(desc(t.slot));

const isPair = (
  t: Pick<Reader['tables']['keyFigures'] | Reader['tables']['keyIsolations'], 'apiKeyKey' | 'petitionKey'>,
  { apiKeyKey, petitionKey }: Pair,
) => and(eq(t.apiKeyKey, apiKeyKey), eq(t.petitionKey, petitionKey));

/** Judged again: it may have been released since, or another process was quicker. */
async function setApart(tx: Tx, pair: Pair): Promise<IsolatedKey | undefined> {
  const { key, networks } = await judge(tx, pair, tx.now);
  await isolateNetworks(tx, pair, networks);
  return key && isolate(tx, pair, key);
}

async function isolate(
  tx: Tx,
  { apiKeyKey, petitionKey }: Pair,
  figures: Figures,
): Promise<IsolatedKey | undefined> {
  const { keyIsolations, apiKeys, petitions } = tx.tables;
  const [mine] = await tx.db
    .insert(keyIsolations)
    .values({ apiKeyKey, petitionKey, ...figures, isolatedAt: tx.now })
    .onConflictDoNothing()
    .returning({ key: keyIsolations.key });
  if (!mine) return undefined;
  forgetIsolations(tx, petitionKey);
  const [names] = await tx.db
    .select({ keyId: apiKeys.publicId, petitionId: petitions.publicId })
    .from(keyIsolations)
    .innerJoin(apiKeys, eq(apiKeys.key, keyIsolations.apiKeyKey))
    .innerJoin(petitions, eq(petitions.key, keyIsolations.petitionKey))
    .where(eq(keyIsolations.key, mine.key));
  return names;
}
