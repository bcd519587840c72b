import type { Basics } from './basics.js';
import type { Brakes } from './brakes/brakes.js';
import type { Milestones } from './counts/milestones.js';
import type { PublishedCounts } from './counts/published-counts.js';
import type { Policy } from './letters/mail-policy.js';
import type { LinkKeyring } from './links/link-keyring.js';
import type { Links } from './links/links.js';
import type { ErasureJournal } from './my-data/erasure-journal.js';
import type { Sealer } from './sealer.js';
import type { Secrets } from './secrets.js';
import type { ClickRecorder } from './sharing/click-recorder.js';
import type { ShareSplit } from './sharing/share-variants.js';
import type { WakeUp } from './wake-up.js';

/** What a verb needs from outside. */
export type Context = Basics & {
  readonly sealer: Sealer;
  /** From the root key: names and seals what is kept for retries. */
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
  /** Tells the mail worker of this process, if there is one, that the outbox has something: call it after a commit. */
  readonly mailWaits: WakeUp;
  /** Counts who follows share links; the routes of those write its sums. */
  readonly clicks: ClickRecorder;
};
