import type { IdPrefix } from '../../schema/db/public-id.js';
import type { Store } from '../store/store.js';
import type { Bell } from './wake-up.js';
import type { ClickRecorder } from './sharing/click-recorder.js';
import type { Brakes } from './brakes/brakes.js';
import type { ErasureJournal } from './my-data/erasure-journal.js';
import type { LinkKeyring } from './links/link-keys.js';
import type { Links } from './links/links.js';
import type { Milestones } from './counts/milestones.js';
import type { Policy } from './letters/mail-policy.js';
import type { PublishedCounts } from './counts/published-counts.js';
import type { Sealer } from './sealer.js';
import type { Secrets } from './secrets.js';
import type { ShareSplit } from './sharing/share-variants.js';

/** What a verb needs from outside. Time, ids and randomness come in here, so that tests are exact. */
export type Context = {
  readonly store: Store;
  readonly now: () => Date;
  readonly newId: (prefix: IdPrefix) => string;
  readonly random: (bytes: number) => Buffer;
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
  readonly mailWaits: Bell;
  /** Counts who follows share links; the routes of those write its sums. */
  readonly clicks: ClickRecorder;
};

/** Who is asking. A publishable key only says through whom; a secret key says who. */
export type Actor =
  | { kind: 'anonymous' }
  | {
      kind: 'publishable' | 'secret';
      keyKey: number;
      keyId: string;
      organizationKey: number;
      organizationId: string;
      scopes: readonly string[];
      /** Where browsers may use a publishable key; empty: anywhere. */
      origins: readonly string[];
    };

/** What is known of whoever sends a request, whatever key they have. */
export type Caller = {
  /** Whom it comes from, as limits see it, and the wider network of that one: see http/caller.ts. */
  readonly client: string | null;
  readonly network: string | null;
  /** The page that a browser sends it from. */
  readonly origin: string | null;
  /** Seconds until its network may again sign the petition without a proof of work; 0: it may. */
  waits: number;
};

/** Where nothing is known, and nothing is held against anybody. */
export const UNKNOWN_CALLER: Caller = { client: null, network: null, origin: null, waits: 0 };

export type KeyedActor = Exclude<Actor, { kind: 'anonymous' }>;

/** The `keyKey` of whoever needs no key, since they may run commands on the database. Keys begin at 1. */
export const NO_KEY = 0;

export const ANONYMOUS: Actor = { kind: 'anonymous' };

/** Whether the actor holds a secret key of this organization. */
export const speaksFor = (actor: Actor, organizationKey: number): actor is KeyedActor =>
  actor.kind === 'secret' && actor.organizationKey === organizationKey;
