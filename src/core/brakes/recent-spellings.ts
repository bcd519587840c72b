import { RecentMap } from '../recent-map.js';

/** How many signers are remembered at least. */
const SIGNERS = 65_536;

/**
 * Under which spelling a mailbox has lately signed a petition. Kept in this process, as hashes (fast-hash.ts), never
 * stored. Since memory is bounded and per process, it may only feed a signal, never a decision alone.
 */
export class RecentSpellings {
  readonly #spellings = new RecentMap<number>(SIGNERS);

  /** Whether this mailbox has signed this petition under another spelling. The first spelling is kept. */
  note(petitionKey: number, mailbox: number, spelling: number): boolean {
    const place = (mailbox + petitionKey * 0x9e3779b1) % 2 ** 53;
    const first = this.#spellings.get(place);
    if (first === undefined) this.#spellings.set(place, spelling);
    return first !== undefined && first !== spelling;
  }
}
