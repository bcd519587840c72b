import { clusterOf } from '../email.js';
import type { Brakes } from './brakes.js';
import { fastHash } from './fast-hash.js';

/**
 * The in-process counters for one request to sign. Each counter is moved once, at first use, so that a transaction that
 * runs again sees the same answers and counts nothing twice.
 */
export class Tallies {
  #isPressed: boolean | undefined;
  #isAlias: boolean | undefined;
  #isCrowded: boolean | undefined;
  #address: number | undefined;

  constructor(
    private readonly brakes: Pick<Brakes, 'pressure' | 'spellings' | 'networks'>,
    private readonly identity: string,
  ) {}

  /** Whether the petition is signed faster than usual. */
  isPressed(petitionKey: number, at: number): boolean {
    return (this.#isPressed ??= this.brakes.pressure.note(petitionKey, at));
  }

  /** Whether the mailbox has just signed the petition under another spelling. */
  isAlias(petitionKey: number): boolean {
    return (this.#isAlias ??= this.#noteSpelling(petitionKey));
  }

  /** Whether more addresses than usual sign the petition from this client. */
  isCrowded(petitionKey: number, client: string, at: number): boolean {
    return (this.#isCrowded ??= this.brakes.networks.note(
      petitionKey,
      fastHash(client),
      this.#hashOfAddress,
      at,
    ));
  }

  get #hashOfAddress(): number {
    return (this.#address ??= fastHash(this.identity));
  }

  #noteSpelling(petitionKey: number): boolean {
    const address = this.#hashOfAddress;
    const cluster = clusterOf(this.identity);
    // The two are almost always the same: nothing is hashed twice.
    const mailbox = cluster === this.identity ? address : fastHash(cluster);
    return this.brakes.spellings.note(petitionKey, mailbox, address);
  }
}
