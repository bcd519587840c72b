import { deriveKey } from '../sealer.js';
import { AddressesPerNetwork } from './addresses-per-network.js';
import { Pressure, type Rate } from './pressure.js';
import { RecentMap } from '../recent-map.js';
import { RecentSpellings } from './recent-spellings.js';
import type { ListedWords } from './listed-words.js';

/** The state that the brakes keep in this process. None of it identifies a person, and none of it is stored. */
export type Brakes = {
  readonly pressure: Pressure;
  readonly networks: AddressesPerNetwork;
  readonly spellings: RecentSpellings;
  /** The compiled word lists of organizations, by their keys. */
  readonly wordLists: RecentMap<{ version: number; list: ListedWords }>;
  /** Signs challenges; text, because altcha takes no buffer. */
  readonly challengeKey: string;
  /** Seals the result of a moderation preview. */
  readonly previewKey: Buffer;
};

const LISTS = 100;

export const createBrakes = (rootKey: Uint8Array, above: Rate): Brakes => ({
  pressure: new Pressure(above),
  networks: new AddressesPerNetwork(),
  spellings: new RecentSpellings(),
  wordLists: new RecentMap(LISTS),
  challengeKey: deriveKey(rootKey, 'challenge').toString('base64url'),
  previewKey: deriveKey(rootKey, 'moderation-preview'),
});
