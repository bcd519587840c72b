import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../store/store.js';
import { addShareFigures } from '../counts/share-figures.js';
import { Clicks, type LinkRequest, type LinkSum } from './clicks.js';

/** Links and hours in one transaction: everybody who signs waits for it. */
const BATCH = 200;
/** What is kept while the database takes nothing. */
const MOST_WAITING = 100_000;
const LAST_TRIES = 4;
const LAST_PAUSE_MS = 250;

export type SeenRequest = Pick<LinkRequest, 'link' | 'kind'> & {
  /** The network that it came from, and what its program calls itself. Neither is kept. */
  network: string;
  agent: string;
};

type Options = { store: Store; now: () => Date; random: (bytes: number) => Buffer };

/**
 * Counts clicks in memory and writes the sums. A visitor is known by a hash alone, under a key that dies with the
 * process: no address can be tried against it, and nothing of it is written.
 */
export class ClickRecorder {
  readonly #clicks = new Clicks();
  readonly #key: string;
  readonly #waiting = new Map<string, LinkSum>();
  #writing: Promise<void> | undefined;

  constructor(private readonly options: Options) {
    this.#key = options.random(32).toString('hex');
  }

  /** Takes in a request. Costs no more than memory. */
  note({ link, kind, network, agent }: SeenRequest): void {
    // Only of those who may be people the program matters.
    const program = kind === 'visit' ? this.#name(agent) : '';
    this.#clicks.note({ link, kind, network: this.#name(network), agent: program }, this.#now());
  }

  /** Writes what has become certain. Where the database takes nothing it throws, and the sums are kept. */
  flush(): Promise<void> {
    this.#keep(this.#clicks.settle(this.#now()));
    return this.#write();
  }

  /** As flush, with everything that is held back. For the end of the process. */
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

  /** Three times as fast as an HMAC, and as good, since no result ever leaves this object. */
  #name(text: string): string {
    return hash('sha256', this.#key + text, 'base64').slice(0, 16);
  }

  #keep(sums: Iterable<LinkSum>): void {
    for (const { link, hour, requests, clicks } of sums) {
      const id = `${link} ${hour}`;
      const known = this.#waiting.get(id);
      if (known) {
        known.requests += requests;
        known.clicks += clicks;
      } else if (this.#waiting.size < MOST_WAITING) {
        this.#waiting.set(id, { link, hour, requests, clicks });
      }
    }
  }

  /** Those who call while it writes share its end. */
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
          for (const [, { link, hour, requests, clicks }] of batch) {
            addShareFigures(tx, link, hour, { requests, clicks });
          }
        });
      } catch (error) {
        this.#keep(batch.map(([, sum]) => sum));
        throw error;
      }
    }
  }
}
