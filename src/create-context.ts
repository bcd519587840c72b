import { randomBytes } from 'node:crypto';
import type { Config } from './config.js';
import { createBrakes } from './core/brakes/brakes.js';
import type { Context } from './core/context.js';
import { addShareClicks } from './core/counts/share-figures.js';
import { createMilestones } from './core/counts/milestones.js';
import { createPublishedCounts } from './core/counts/published-counts.js';
import { DEFAULT_POLICY } from './core/letters/mail-policy.js';
import { LinkKeyring } from './core/links/link-keyring.js';
import { createLinks } from './core/links/link-urls.js';
import { addMailingClicks } from './core/mailing-results/mailing-clicks.js';
import type { ErasureJournal } from './core/my-data/erasure-journal.js';
import { createSealer, deriveKey } from './core/sealer.js';
import { createSecrets } from './core/secrets.js';
import { ClickRecorder } from './core/sharing/click-recorder.js';
import { createShareSplit } from './core/sharing/share-variants.js';
import { createWakeUp } from './core/wake-up.js';
import { newId } from './new-id.js';
import type { Store } from './store/store.js';

/** The default for `challengeAbove`: no petition ever needs a proof of work for its load. */
const NEVER = { requests: Infinity, seconds: 60 };

export type ContextOptions = {
  config: Pick<Config, 'publicUrl'> & Partial<Pick<Config, 'links' | 'policy' | 'challengeAbove'>>;
  store: Store;
  rootKey: Uint8Array;
  erasures: ErasureJournal;
  /** For tests that set the clock. */
  now?: () => Date;
};

/** Makes what the verbs of core need from outside, the same for the server, commands and tests. */
export function createContext({
  config,
  store,
  rootKey,
  erasures,
  now = () => new Date(),
}: ContextOptions): Context {
  return {
    store,
    now,
    newId,
    random: randomBytes,
    sealer: createSealer(rootKey),
    retryKey: deriveKey(rootKey, 'retry'),
    milestones: createMilestones(store),
    published: createPublishedCounts(now),
    secrets: createSecrets(rootKey),
    linkKeyring: new LinkKeyring(rootKey),
    links: createLinks(config.publicUrl, config.links ?? {}),
    shareSplit: createShareSplit({ now, random: randomBytes }),
    policy: config.policy ?? DEFAULT_POLICY,
    brakes: createBrakes(rootKey, config.challengeAbove ?? NEVER),
    erasures,
    mailWaits: createWakeUp(),
    clicks: new ClickRecorder({ store, now, random: randomBytes, write: addShareClicks }),
    mailingClicks: new ClickRecorder({ store, now, random: randomBytes, write: addMailingClicks }),
  };
}
