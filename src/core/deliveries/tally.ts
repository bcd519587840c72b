import { and, eq, gt, inArray } from 'drizzle-orm';
import type {
  DeliveryCounts,
  DeliverySum,
  DeliverySums,
  DeliveryWeeded,
} from '../../../schema/db/tables/deliveries.js';
import type { Reader } from '../../store/store.js';
import { readCounts } from '../counts/counts.js';
import { readCut, readStrikes, type Cut, type CutReading } from './cut.js';
import type { Entry } from './entries.js';

/* How many signatures a delivery speaks for. */

export type Tallied = { counts: DeliveryCounts; sums: DeliverySums };

/** Counts entries as they come. */
export class Tally {
  #named = 0;
  #unnamed = 0;
  #hidden = 0;
  readonly #byCountry = new Map<string | null, number>();
  readonly #byPartner = new Map<string | null, number>();
  readonly #alone = new Map<string, number>();

  add({ line, by }: Entry): void {
    if (line === undefined) {
      if (by == null) this.#hidden += 1;
      else more(this.#alone, by);
      return;
    }
    if (line.name === null) this.#unnamed += 1;
    else this.#named += 1;
    more(this.#byCountry, line.country);
    more(this.#byPartner, line.partner);
  }

  /** With what has no line: of that, only what the deliveries before have not counted. */
  end({ paper, elsewhere, struck, before }: Besides): Tallied {
    const alone = [...this.#alone].map(([name, count]) => ({ name, count }));
    const by_partners = alone.reduce((sum, { count }) => sum + count, 0);
    const since = (now: number, then: number) => Math.max(0, now - then);
    const listed = this.#named + this.#unnamed;
    const unlisted = {
      hidden: since(this.#hidden, before.hidden),
      by_partners: since(by_partners, before.by_partners),
      paper: since(paper, before.paper),
      elsewhere: since(elsewhere, before.elsewhere),
    };
    const total = Object.values(unlisted).reduce((sum, count) => sum + count, listed);
    return {
      counts: { total, listed, named: this.#named, unnamed: this.#unnamed, ...unlisted, struck },
      sums: {
        country: sumsOf(this.#byCountry),
        partner: sumsOf(this.#byPartner),
        // In a delivery that continues others only their sum is known.
        partners_alone: before.isFirst ? alone.sort((a, b) => b.count - a.count) : [],
      },
    };
  }
}

type Unlisted = Pick<DeliveryCounts, 'hidden' | 'by_partners' | 'paper' | 'elsewhere'>;
type Before = Unlisted & { isFirst: boolean };
type Besides = { paper: number; elsewhere: number; struck: number; before: Before };

const more = <Key>(sums: Map<Key, number>, key: Key): void => {
  sums.set(key, (sums.get(key) ?? 0) + 1);
};

/** The largest first; those that say nothing last. */
const sumsOf = (sums: ReadonlyMap<string | null, number>): DeliverySum[] =>
  [...sums]
    .map(([key, count]) => ({ key, count }))
    .sort(
      (a, b) =>
        Number(a.key === null) - Number(b.key === null) ||
        b.count - a.count ||
        ((a.key ?? '') < (b.key ?? '') ? -1 : 1),
    );

/** What is in a delivery besides its lines. */
export async function readBesides(on: Reader, { petitionKey, chain }: Cut, struck: number): Promise<Besides> {
  const { paper, offsets: elsewhere } = await readCounts(on, petitionKey);
  const { deliveries: t } = on.tables;
  const before: Before = { hidden: 0, by_partners: 0, paper: 0, elsewhere: 0, isFirst: chain.length === 0 };
  const rows =
    chain.length === 0
      ? []
      : await on.db
          .select({ counts: t.counts })
          .from(t)
          .where(inArray(t.key, [...chain]));
  for (const { counts } of rows) {
    before.hidden += counts.hidden;
    before.by_partners += counts.by_partners;
    before.paper += counts.paper;
    before.elsewhere += counts.elsewhere;
  }
  return { paper, elsewhere, struck, before };
}

/** Reads all of a cut, and counts it. */
export async function tallyCut(reading: CutReading): Promise<Tallied> {
  const tally = new Tally();
  for await (const entries of readCut(reading)) for (const entry of entries) tally.add(entry);
  let struck = 0;
  for await (const strikes of readStrikes(reading.on, reading.cut)) struck += strikes.length;
  return tally.end(await readBesides(reading.on, reading.cut, struck));
}

/** How many signatures were taken out since the cut, by the reasons that organisers gave. */
export async function readWeeded(
  { db, tables }: Reader,
  { petitionKey, cutAt }: Pick<Cut, 'petitionKey' | 'cutAt'>,
): Promise<DeliveryWeeded[]> {
  const { signatures: t, moderations: m } = tables;
  const rows = await db
    .select({ signatureKey: t.key, reason: m.reason })
    .from(t)
    .innerJoin(m, eq(m.signatureKey, t.key))
    .where(
      and(
        eq(t.petitionKey, petitionKey),
        eq(t.status, 'invalidated'),
        gt(m.createdAt, cutAt),
        eq(m.fromStatus, 'confirmed'),
        eq(m.toStatus, 'invalidated'),
      ),
    )
    .orderBy(m.key);
  // A signature may have been taken out, put back and taken out again: the last reason counts.
  const last = new Map(rows.map(({ signatureKey, reason }) => [signatureKey, reason]));
  const sums = new Map<string, number>();
  for (const reason of last.values()) more(sums, reason);
  return [...sums].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count);
}
