import type { Basics } from './basics.js';
import type { Brakes } from './brakes/brakes.js';
import type { Milestones } from './counts/milestones.js';
import type { PublishedCounts } from './counts/published-counts.js';
import type { Policy } from './letters/mail-policy.js';
import type { LinkKeyring } from './links/link-keyring.js';
import type { Links } from './links/link-urls.js';
import type { ErasureJournal } from './my-data/erasure-journal.js';
import type { Sealer } from './sealer.js';
import type { Secrets } from './secrets.js';
import type { ClickRecorder } from './sharing/click-recorder.js';
import type { ShareSplit } from './sharing/share-variants.js';
import type { WakeUp } from './wake-up.js';

/** What verbs need from outside: time, keys and the parts of the process that they talk to. */
export type Context = Basics & {
  readonly sealer: Sealer;
  /** Derived from the root key; names and seals the answers that are kept for retries. */
  readonly retryKey: Buffer;
  readonly milestones: Milestones;
  readonly published: PublishedCounts;
  readonly secrets: Secrets;
  readonly linkKeyring: LinkKeyring;
  readonly links: Links;
  readonly shareSplit: ShareSplit;
  readonly policy: Policy;
  readonly brakes: Brakes;
  readonly erasures: ErasureJournal;
  /** Wakes this process's mail worker, if there is one. Call it after the commit that queued mail. */
  readonly mailWaits: WakeUp;
  /** Counts clicks on share links in memory; they are written to the database in batches. */
  readonly clicks: ClickRecorder;
  /** The same for the links of mailings. */
  readonly mailingClicks: ClickRecorder;
};
