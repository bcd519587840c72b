import { HOUR_MS, MINUTE_MS } from '../../time.js';

/** How long a fetched picture is used, and how long until one that failed is tried again. */
export const FETCHED_MS = 24 * HOUR_MS;
export const FAILED_MS = 10 * MINUTE_MS;
const MOST_BYTES = 32 * 1024 * 1024;
/** Failures take no room to speak of, but are not kept without end. */
const MOST_KEPT = 1000;
/** With more under way, a further one counts as failed. */
const MOST_UNDERWAY = 8;

type Kept = { bytes: Buffer | null; until: number };

/** Keeps the pictures of campaigns for drawing, each fetched once for all who wait for it. */
export class CampaignPictures {
  readonly #kept = new Map<string, Kept>();
  readonly #underway = new Map<string, Promise<Buffer | null>>();
  #bytes = 0;

  constructor(
    private readonly fetch: (url: string) => Promise<Buffer>,
    private readonly now: () => Date,
  ) {}

  /** The picture; null where there is none for now, for whatever reason. */
  get(url: string): Promise<Buffer | null> {
    const known = this.#kept.get(url);
    if (known && this.now().getTime() < known.until) {
      this.#kept.delete(url);
      this.#kept.set(url, known);
      return Promise.resolve(known.bytes);
    }
    const same = this.#underway.get(url);
    if (same) return same;
    if (this.#underway.size >= MOST_UNDERWAY) return Promise.resolve(null);
    const fetching = this.#fetch(url, known?.bytes ?? null).finally(() => this.#underway.delete(url));
    this.#underway.set(url, fetching);
    return fetching;
  }

  /** If it fails, an older picture is better than none. */
  async #fetch(url: string, older: Buffer | null): Promise<Buffer | null> {
    const fetched = await this.fetch(url).catch(() => null);
    const bytes = fetched ?? older;
    this.#keep(url, { bytes, until: this.now().getTime() + (fetched ? FETCHED_MS : FAILED_MS) });
    return bytes;
  }

  #keep(url: string, kept: Kept): void {
    this.#forget(url);
    this.#kept.set(url, kept);
    this.#bytes += kept.bytes?.length ?? 0;
    for (const oldest of this.#kept.keys()) {
      if ((this.#bytes <= MOST_BYTES && this.#kept.size <= MOST_KEPT) || oldest === url) break;
      this.#forget(oldest);
    }
  }

  #forget(url: string): void {
    this.#bytes -= this.#kept.get(url)?.bytes?.length ?? 0;
    this.#kept.delete(url);
  }
}
