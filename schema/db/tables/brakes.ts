import { oneOf } from '../checks.js';
import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* Protection against machines: used challenges, suspicions, spellings of addresses, isolated keys and networks. */

export const SIGNALS = [
  'honeypot',
  'too_fast',
  'no_form',
  'disposable_domain',
  'alias_of_signer',
  'many_spellings',
  'many_from_one_network',
  'link_in_name',
  'isolated_key',
  'vouch_limit',
  'isolated_network',
  'listed_word',
] as const;

export type Signal = (typeof SIGNALS)[number];

/** What an operator can pause. */
export const PAUSABLE = ['signing', 'writing'] as const;

export function defineBrakesTables(
  d: typeof Columns,
  parents: Parents<'organizations' | 'petitions' | 'apiKeys' | 'signatures'>,
) {
  const { organizations, petitions, apiKeys, signatures } = parents;
  const to = referencesIn(d);

  const usedChallenges = d.table(
    'used_challenges',
    {
      /** SHA-256 of the challenge. */
      hash: d.bytes().primaryKey(),
      expiresAt: d.instant().notNull(),
    },
    (t) => [d.index('used_challenges_expires').on(t.expiresAt)],
  );

  /** Why a signature was quarantined. */
  const suspicions = d.table('suspicions', {
    signatureKey: to(signatures).primaryKey(),
    score: d.int().notNull(),
    signals: d.json<Signal[]>().notNull(),
    createdAt: d.instant().notNull(),
  });

  /** Signatures whose address has other spellings for the same mailbox. See core/brakes/spellings.ts. */
  const spellings = d.table(
    'spellings',
    {
      signatureKey: to(signatures).primaryKey(),
      petitionKey: to(petitions).notNull(),
      /** A keyed hash of the petition and the common form of all spellings of the mailbox. */
      mailbox: d.bytes().notNull(),
      /** The ordinal of this spelling of the mailbox on the petition, from 1. */
      nth: d.int().notNull(),
    },
    (t) => [
      d.index('spellings_mailbox').on(t.mailbox),
      d
        .index('spellings_full')
        .on(t.petitionKey)
        .where(d.sql`nth >= 3`),
    ],
  );

  /**
   * How many mailboxes were mailed for signatures through a key, and how many have confirmed, by time of each event.
   */
  const keyFigures = d.table(
    'key_figures',
    {
      apiKeyKey: to(apiKeys).notNull(),
      petitionKey: to(petitions).notNull(),
      /** Ten-minute periods since 1970. */
      slot: d.int().notNull(),
      shard: d.int().notNull(),
      asked: d.int().notNull(),
      confirmed: d.int().notNull(),
    },
    (t) => [
      d.primaryKey({ columns: [t.apiKeyKey, t.petitionKey, t.slot, t.shard] }),
      d.index('key_figures_slot').on(t.slot),
    ],
  );

  /** Signatures through an isolated key are quarantined, until the lead organization releases the key. */
  const keyIsolations = d.table(
    'key_isolations',
    {
      key: d.key(),
      apiKeyKey: to(apiKeys).notNull(),
      petitionKey: to(petitions).notNull(),
      /** The figures that led to it. */
      asked: d.int().notNull(),
      confirmed: d.int().notNull(),
      isolatedAt: d.instant().notNull(),
      releasedAt: d.instant(),
    },
    (t) => [
      d
        .uniqueIndex('key_isolations_open')
        .on(t.petitionKey, t.apiKeyKey)
        .where(d.sql`released_at is null`),
    ],
  );

  /**
   * The network (a keyed hash) of each signature through a publishable key, kept for two days. Deliberately without
   * foreign keys, which would have to be checked for every such signature.
   */
  const signatureNetworks = d.table(
    'signature_networks',
    {
      signatureKey: d.ref().primaryKey(),
      apiKeyKey: d.ref().notNull(),
      petitionKey: d.ref().notNull(),
      network: d.bytes().notNull(),
      createdAt: d.instant().notNull(),
      /** When its first mail was sent. */
      askedAt: d.instant(),
    },
    (t) => [d.index('signature_networks_of_key').on(t.petitionKey, t.apiKeyKey, t.signatureKey)],
  );

  /** Signatures through a key from such a network are quarantined, for a day. */
  const isolatedNetworks = d.table(
    'isolated_networks',
    {
      petitionKey: to(petitions).notNull(),
      apiKeyKey: to(apiKeys).notNull(),
      network: d.bytes().notNull(),
      /** The figures that led to it. */
      asked: d.int().notNull(),
      confirmed: d.int().notNull(),
      isolatedAt: d.instant().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.petitionKey, t.apiKeyKey, t.network] })],
  );

  /** What the operator has paused: see core/brakes/pauses.ts. */
  const pauses = d.table(
    'pauses',
    {
      what: d.enumText(PAUSABLE).primaryKey(),
      /** The operator's own sentence for callers. */
      message: d.str(),
      /** Seconds for `Retry-After`. */
      retryAfter: d.int().notNull(),
      createdAt: d.instant().notNull(),
    },
    () => [d.check('pauses_what', oneOf(d, 'what', PAUSABLE))],
  );

  /** The words that an organization wants to look at before a signature with one of them counts. */
  const wordLists = d.table('word_lists', {
    organizationKey: to(organizations).primaryKey(),
    /** As they were sent. */
    words: d.json<string[]>().notNull(),
    version: d.int().notNull(),
    updatedAt: d.instant().notNull(),
  });

  return {
    pauses,
    wordLists,
    usedChallenges,
    suspicions,
    spellings,
    keyFigures,
    keyIsolations,
    signatureNetworks,
    isolatedNetworks,
  };
}
