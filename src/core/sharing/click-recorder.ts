import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store, Tx } from '../../store/store.js';
import { RecentMap } from '../recent-map.js';
import { Clicks, type LinkRequest, type LinkSum } from './clicks.js';

/** Sums per transaction: signings have to wait for it. */
const BATCH = 200;
/** The most sums that are kept while the database accepts no writes. */
const MOST_WAITING = 100_000;
const MOST_PROGRAMS = 500;
const LAST_TRIES = 4;
const LAST_PAUSE_MS = 250;

export type SeenRequest = Pick<LinkRequest, 'link' | 'mail' | 'kind'> & {
  /** The sender's network and the name of its program. Neither is stored. */
  network: string;
  agent: string;
};

type Options = {
  store: Store;
  now: () => Date;
  random: (bytes: number) => Buffer;
  /** Adds the sums of different links and hours to the database. */
  write: (tx: Tx, sums: readonly LinkSum[]) => Promise<void> | void;
};

/**
 * Counts clicks in memory and writes their sums to the database. Visitors are told apart by hashes under a key that
 * exists only in this process, so no address can be tested against them; the hashes are never written.
 */
export class ClickRecorder {
  readonly #clicks = new Clicks();
  readonly #key: string;
  readonly #programs = new RecentMap<string, string>(MOST_PROGRAMS);
  readonly #waiting = new Map<string, LinkSum>();
  #writing: Promise<void> | undefined;

  constructor(private readonly options: Options) {
    this.#key = options.random(32).toString('hex');
  }

  /** Counts a request, in memory only. */
  note({ link, mail, kind, network, agent }: SeenRequest): void {
    // The program matters only for requests that may be people.
    const program = kind === 'visit' ? this.#programOf(agent) : '';
    this.#clicks.note({ link, mail, kind, network: this.#name(network), agent: program }, this.#now());
  }

  /** Writes the counts that are final. If the database fails, it throws, and the sums are kept for the next call. */
  flush(): Promise<void> {
    this.#keep(this.#clicks.settle(this.#now()));
    return this.#write();
  }

  /** Like flush, including counts that are not final yet. For the end of the process. */
  async close(): Promise<void> {
    this.#keep(this.#clicks.settle(Infinity));
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#write();
        if (this.#waiting.size === 0) return;
      } catch (error) {
        if (tries >= LAST_TRIES) throw error;
        await sleep(LAST_PAUSE_MS);
      }
    }
  }

  #now(): number {
    return this.options.now().getTime();
  }

  /** Not an HMAC, which takes three times as long: no result ever leaves this object. */
  #name(text: string): string {
    return hash('sha256', this.#key + text, 'base64').slice(0, 16);
  }

  /** Kept, since people share few programs. Networks are not: no address stays in memory. */
  #programOf(agent: string): string {
    const known = this.#programs.get(agent);
    if (known !== undefined) return known;
    const name = this.#name(agent);
    this.#programs.set(agent, name);
    return name;
  }

  #keep(sums: Iterable<LinkSum>): void {
    for (const sum of sums) {
      const { link, hour, requests, clicks, machines } = sum;
      const id = `${link} ${hour}`;
      const known = this.#waiting.get(id);
      if (known) {
        known.requests += requests;
        known.clicks += clicks;
        known.machines += machines;
      } else if (this.#waiting.size < MOST_WAITING) {
        this.#waiting.set(id, { ...sum });
      }
    }
  }

  /** Concurrent callers share one write. */
  #write(): Promise<void> {
    this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined));
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, BATCH);
      for (const [id] of batch) this.#waiting.delete(id);
      try {
        await this.options.store.transact(async (tx) => {
          await this.options.write(
            tx,
            batch.map(([, sum]) => sum),
          );
        });
      } catch (error) {
        this.#keep(batch.map(([, sum]) => sum));
        throw error;
      }
    }
  }
}
