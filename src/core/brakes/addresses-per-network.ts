import { RecentMap } from '../recent-map.js';
import { HOUR_MS } from '../../time.js';

/** More distinct addresses than this per petition and network within an hour are suspicious. */
const USUAL = 20;
const NETWORKS = 10_000;

type Addresses = { since: number; addresses: number[] };

/**
 * Counts the distinct addresses that sign a petition from one network. Kept in this process, as hashes, never stored.
 */
export class AddressesPerNetwork {
  readonly #networks = new RecentMap<Addresses>(NETWORKS);

  /** Records an address and its network (both hashed with fast-hash.ts); returns whether the hour has seen too many. */
  note(petitionKey: number, network: number, address: number, at: number): boolean {
    const place = (network + petitionKey * 0x9e3779b1) % 2 ** 53;
    const known = this.#networks.get(place);
    if (!known || at - known.since >= HOUR_MS) {
      this.#networks.set(place, { since: at, addresses: [address] });
      return false;
    }
    const { addresses } = known;
    if (addresses.length <= USUAL && !addresses.includes(address)) addresses.push(address);
    return addresses.length > USUAL;
  }
}
