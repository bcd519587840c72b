import type { Reader } from '../../src/store/store.js';

type Sums = { links: number; requests: number; clicks: number; conversions: number };
const NOTHING: Sums = { links: 0, requests: 0, clicks: 0, conversions: 0 };
const hourOf = (instant: Date | null) => Math.floor((instant?.getTime() ?? NaN) / 3_600_000);

/**
 * Counts again, from the rows, what share links have brought, and tells each sum that differs; an empty list proves that
 * they agree. Requests and clicks have no rows: of those the sums of a link must be those of its wording.
 */
export async function recountShares({ db, tables }: Reader): Promise<string[]> {
  const links = await db.select().from(tables.shareLinks);
  const counts = await db.select().from(tables.shareCounts);
  const history = await db.select().from(tables.shareHistory);
  const signatures = await db.select().from(tables.signatures);
  const counted = signatures.filter((row) => row.status === 'confirmed' && row.shareLinkKey !== null);

  const kept = new Ledger();
  const truth = new Ledger();
  for (const link of links) {
    const place = `link ${link.key}`;
    kept.add(place, {});
    truth.add(place, { conversions: counted.filter((row) => row.shareLinkKey === link.key).length });
    const group = `variant ${link.variantKey}, organization ${link.organizationKey ?? 0}`;
    truth.add(`${group}, hour ${hourOf(link.createdAt)}`, { links: 1 });
    for (const row of counted.filter(({ shareLinkKey }) => shareLinkKey === link.key)) {
      truth.add(`${group}, hour ${hourOf(row.confirmedAt)}`, { conversions: 1 });
    }
    for (const { requests, clicks, conversions } of counts.filter((row) => row.shareLinkKey === link.key)) {
      kept.add(place, { conversions });
      truth.add(`${group}, in all`, { requests, clicks });
    }
  }
  for (const { variantKey, organizationKey, hour, links, requests, clicks, conversions } of history) {
    const group = `variant ${variantKey}, organization ${organizationKey}`;
    kept.add(`${group}, hour ${hour}`, { links, conversions });
    kept.add(`${group}, in all`, { requests, clicks });
  }
  return kept.differences(truth);
}

class Ledger {
  readonly #places = new Map<string, Sums>();

  add(place: string, more: Partial<Sums>): void {
    const sums = this.#places.get(place) ?? NOTHING;
    const add = (name: keyof Sums) => sums[name] + (more[name] ?? 0);
    this.#places.set(place, {
      links: add('links'),
      requests: add('requests'),
      clicks: add('clicks'),
      conversions: add('conversions'),
    });
  }

  differences(other: Ledger): string[] {
    const places = new Set([...this.#places.keys(), ...other.#places.keys()]);
    return [...places].flatMap((place) => {
      const mine = JSON.stringify(this.#places.get(place) ?? NOTHING);
      const theirs = JSON.stringify(other.#places.get(place) ?? NOTHING);
      return mine === theirs ? [] : [`${place}: kept ${mine}, counted ${theirs}`];
    });
  }
}
