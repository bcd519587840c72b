import { deriveKey } from '../sealer.js';
import { AddressesPerNetwork } from './addresses-per-network.js';
import { Pressure, type Rate } from './pressure.js';
import { RecentSpellings } from './recent-spellings.js';

/** What keeps machines from signing needs this of the process: nothing of it names anybody, nor is it ever stored. */
export type Brakes = {
  readonly pressure: Pressure;
  readonly networks: AddressesPerNetwork;
  readonly spellings: RecentSpellings;
  /** Signs challenges; as text, since that is what altcha takes. */
  readonly challengeKey: string;
  /** Seals what a preview of moderations has found. */
  readonly previewKey: Buffer;
};

export const createBrakes = (rootKey: Uint8Array, above: Rate): Brakes => ({
  pressure: new Pressure(above),
  networks: new AddressesPerNetwork(),
  spellings: new RecentSpellings(),
  challengeKey: deriveKey(rootKey, 'challenge').toString('base64url'),
  previewKey: deriveKey(rootKey, 'moderation-preview'),
});
