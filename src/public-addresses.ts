import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/*
 * Whether an address is in the public internet. URLs that callers name must not let them reach what only this server can
 * reach: its own ports, its network, the metadata of its cloud.
 */

const [v4, v6] = [new BlockList(), new BlockList()];
/** Not public: https://www.iana.org/assignments/iana-ipv4-special-registry, multicast and reserved. */
const PRIVATE_V4 =
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3';
/** Of the global unicast addresses: protocol assignments, documentation, and those with an IPv4 address inside. */
const PRIVATE_V6 = '2001::/23 2001:db8::/32 2002::/16 3fff::/20';

for (const [list, family, nets] of [
  [v4, 'ipv4', PRIVATE_V4],
  [v6, 'ipv6', PRIVATE_V6],
] as const) {
  for (const net of nets.split(' ')) {
    const [start = '', bits] = net.split('/');
    list.addSubnet(start, Number(bits), family);
  }
}
const global = new BlockList();
global.addSubnet('2000::', 3, 'ipv6');

export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 4) return !v4.check(address, 'ipv4');
  return isIP(address) === 6 && global.check(address, 'ipv6') && !v6.check(address, 'ipv6');
}

/**
 * Resolves a name for a connection, and fails if any of its addresses is not public. The connection goes to the
 * addresses that were checked, so an answer that changes in between is no way around it.
 */
export const publicLookup: LookupFunction = (hostname, options, callback) =>
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error) return callback(error, '', 0);
    if (!first || !addresses.every(({ address }) => isPublicAddress(address))) {
      return callback(new Error('the address is not public'), '', 0);
    }
    if (options.all) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
