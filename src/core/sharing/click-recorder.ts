import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../store/store.js';
import { addShareFigures } from '../counts/share-figures.js';
import { createClicks, type LinkRequest, type LinkSum } from './clicks.js';

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

export type ClickRecorder = {
  /** Takes in a request. Costs no more than memory. */
  note(request: SeenRequest): void;
  /** Writes what has become certain. Where the database takes nothing it throws, and the sums are kept. */
  flush(): Promise<void>;
  /** As flush, with everything that is held back. For the end of the process. */
  close(): Promise<void>;
};

type Options = { store: Store; now: () => Date; random: (bytes: number) => Buffer };

/**
 * Counts clicks in memory and writes the sums. Whoever clicked is known by a hash alone, under a key that dies with the
 * process: nobody can try addresses against it, and nothing of it is written.
 */
export function createClickRecorder({ store, now, random }: Options): ClickRecorder {
  const clicks = createClicks();
  const key = random(32).toString('hex');
  // Three times as fast as an HMAC, and as good where nobody ever sees a result.
  const name = (text: string): string => hash('sha256', key + text, 'base64').slice(0, 16);
  const waiting = new Map<string, LinkSum>();
  let writing: Promise<void> | undefined;

  function keep(sums: Iterable<LinkSum>): void {
    for (const { link, hour, requests, clicks: people } of sums) {
      const id = `${link} ${hour}`;
      const known = waiting.get(id);
      if (known) {
        known.requests += requests;
        known.clicks += people;
      } else if (waiting.size < MOST_WAITING) {
        waiting.set(id, { link, hour, requests, clicks: people });
      }
    }
  }

  async function writeAll(): Promise<void> {
    while (waiting.size > 0) {
      const batch = [...waiting].slice(0, BATCH);
      for (const [id] of batch) waiting.delete(id);
      try {
        await store.transact(async (tx) => {
          for (const [, { link, hour, requests, clicks }] of batch) {
            addShareFigures(tx, link, hour, { requests, clicks });
          }
        });
      } catch (error) {
        keep(batch.map(([, sum]) => sum));
        throw error;
      }
    }
  }

  function write(): Promise<void> {
    writing ??= writeAll().finally(() => (writing = undefined));
    return writing;
  }

  return {
    note({ link, kind, network, agent }) {
      // Only of those who may be people the program matters.
      const program = kind === 'visit' ? name(agent) : '';
      clicks.note({ link, kind, network: name(network), agent: program }, now().getTime());
    },
    flush() {
      keep(clicks.settle(now().getTime()));
      return write();
    },
    async close() {
      keep(clicks.settle(Infinity));
      for (let tries = 1; ; tries += 1) {
        try {
          await write();
          if (waiting.size === 0) return;
        } catch (error) {
          if (tries >= LAST_TRIES) throw error;
          await sleep(LAST_PAUSE_MS);
        }
      }
    },
  };
}
