import { and, between, desc, eq, gte, max, sql, sum } from 'drizzle-orm';
import type { Reader, Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { total } from '../counts/counts.js';
import { SLOT_MS, slotOf } from '../counts/key-figures.js';
import { forgetIsolations, standingOf } from './key-isolations.js';
import { isolateNetworks, readAsks, type Ask, type NetworkFigures } from './key-networks.js';
import { MINUTE_MS } from '../../time.js';

/*
 * Finds API keys that machines misuse: when hardly any mailbox confirms what a key brings, its bad networks are
 * isolated for that petition, or the key itself. The thresholds are here; key-isolations.ts stores and releases,
 * key-networks.ts knows the networks.
 */

/** When a key counts as bad on a petition. */
export const BREAKER = {
  /** Mailboxes that must have been asked before a key is judged. */
  asked: 200,
  /** At least this share of them must have confirmed. */
  rate: 0.1,
  /** How long people get to find the mail and confirm. */
  patienceMs: 20 * MINUTE_MS,
  /** How far back mailboxes are counted. */
  memoryMs: 24 * 60 * MINUTE_MS,
  /** Many mailboxes in a short time, of which almost none confirms, are judged without that patience. */
  flood: { asked: 1000, rate: 0.02, ms: 30 * MINUTE_MS },
} as const;

/** When a network of a bad key is isolated. From `many` bad networks on, the key itself is the problem. */
export const NETWORKS = {
  asked: 10,
  rate: 0.1,
  flood: { asked: 50, rate: 0.02, patienceMs: 5 * MINUTE_MS },
  many: 20,
} as const;

export type Figures = { asked: number; confirmed: number };
export type Slot = Figures & { slot: number };

/** The figures that condemn a key, or undefined. `slots` are its latest, newest first. */
export function collapsed(slots: readonly Slot[], now: Date): Figures | undefined {
  return collapsedSlowly(slots, now) ?? collapsedInFlood(slots, now);
}

function collapsedSlowly(slots: readonly Slot[], now: Date): Figures | undefined {
  const ripe = slotOf(now.getTime() - BREAKER.patienceMs) - 1;
  const figures = { asked: 0, confirmed: 0 };
  for (const { slot, asked, confirmed } of slots) {
    // A confirmation counts at once: its mailbox has certainly been asked.
    figures.confirmed += confirmed;
    if (slot <= ripe) figures.asked += asked;
    if (figures.asked >= BREAKER.asked) break;
  }
  return fails(figures, BREAKER) ? figures : undefined;
}

function collapsedInFlood(slots: readonly Slot[], now: Date): Figures | undefined {
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
  /** The networks to isolate. */
  networks: NetworkFigures[];
  /**
   * Whether to isolate the key itself: too many networks are bad, or what is left without them still looks bad when no
   * single network can weigh much.
   */
  key: boolean;
};

/** Judges the networks of a bad publishable key by the mailboxes that were asked for it. */
export function judgeNetworks(asks: readonly Ask[], now: Date): Verdict {
  const all = byNetwork(asks);
  const networks = [...all].flatMap(([network, theirs]) => condemned(network, theirs, now) ?? []);
  for (const { network } of networks) all.delete(network);
  const others = [...all.values()];
  const key =
    networks.length >= NETWORKS.many ||
    collapsedSlowly(slotsOf(others, NETWORKS.asked), now) !== undefined ||
    collapsedInFlood(slotsOf(others, NETWORKS.flood.asked), now) !== undefined;
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

/** The figures of these networks, newest slot first; of each network fewer than `most` unconfirmed mailboxes count. */
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
 * Judges every busy key and isolates what is bad: single networks, or the key itself if many of its networks are bad or it
 * is secret. Calls `tell` for each isolated key. Several processes may run this at once: only one of them isolates and
 * tells.
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

/** The keys that asked enough mailboxes to be judged. */
function busyPairs({ db, tables }: Reader, now: Date): PromiseLike<Pair[]> {
  const { keyFigures: t, apiKeys } = tables;
  return (
    db
      .select({ apiKeyKey: t.apiKeyKey, petitionKey: t.petitionKey, kind: apiKeys.kind })
      .from(t)
      .innerJoin(apiKeys, eq(apiKeys.key, t.apiKeyKey))
      // With both ends of the range SQLite uses the index; with one it would read all 30 days in the order of the
      // groups.
      .where(between(t.slot, slotOf(now.getTime() - BREAKER.memoryMs), slotOf(now)))
      .groupBy(t.apiKeyKey, t.petitionKey, apiKeys.kind)
      .having(sql`${sum(t.asked)} >= ${BREAKER.asked}`)
  );
}

type Findings = { key: Figures | undefined; networks: NetworkFigures[] };

/** What is bad and not isolated yet. */
async function judge(on: Reader, pair: Pair, now: Date): Promise<Findings> {
  const { apiKeyKey, petitionKey, kind } = pair;
  const { isolated, networks } = await standingOf(on, petitionKey, apiKeyKey, now);
  const first = await firstSlot(on, pair, now);
  const figures = collapsed(await readSlots(on, pair, first), now);
  if (kind === 'secret') return { key: isolated ? undefined : figures, networks: [] };
  // The networks of an isolated key are still judged: signers with a proof of work still get through it.
  if (!figures && !isolated) return { key: undefined, networks: [] };
  const verdict = judgeNetworks(await readAsks(on, pair, new Date(first * SLOT_MS)), now);
  return {
    key: verdict.key && !isolated ? figures : undefined,
    networks: verdict.networks.filter(({ network }) => !networks.has(network)),
  };
}

/**
 * Where judging starts: after the last release, because the organization that released the key knew what came before.
 */
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

/** Judges again inside the transaction: the key may have been released meanwhile, or another process was faster. */
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
