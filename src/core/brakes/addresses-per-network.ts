import { RecentMap } from '../recent-map.js';

const HOUR_MS = 3_600_000;
/** More different addresses than that, for one petition from one network in an hour, are odd. */
const USUAL = 20;
const NETWORKS = 10_000;

type Addresses = { since: number; addresses: number[] };

/** How many different addresses sign a petition from one network. Of this process, by hashes (fast-hash.ts), and never stored. */
export class AddressesPerNetwork {
  readonly #networks = new RecentMap<Addresses>(NETWORKS);

  /** Notes an address and a network, by their hashes; tells whether there are more than usual in an hour. */
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
