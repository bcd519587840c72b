import { RecentMap } from '../recent-map.js';

/** How many signers are remembered at least. */
const SIGNERS = 65_536;

/**
 * Which mailboxes have lately signed which petition, and under which spelling. Of this process, by hashes (fast-hash.ts),
 * and never stored: it tells a signal, never more.
 */
export class RecentSpellings {
  readonly #spellings = new RecentMap<number>(SIGNERS);

  /** Whether this mailbox has signed this petition under another spelling. The first spelling stays. */
  note(petitionKey: number, mailbox: number, spelling: number): boolean {
    const place = (mailbox + petitionKey * 0x9e3779b1) % 2 ** 53;
    const first = this.#spellings.get(place);
    if (first === undefined) this.#spellings.set(place, spelling);
    return first !== undefined && first !== spelling;
  }
}
