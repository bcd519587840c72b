import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* What keeps machines from signing, and sets apart what comes from bad places. */

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
] as const;

export type Signal = (typeof SIGNALS)[number];

export function defineBrakesTables(
  d: typeof Columns,
  parents: Parents<'petitions' | 'apiKeys' | 'signatures'>,
) {
  const { petitions, apiKeys, signatures } = parents;
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

  /** Signatures under a spelling of their mailbox that anybody can make up. See core/brakes/spellings.ts. */
  const spellings = d.table(
    'spellings',
    {
      signatureKey: to(signatures).primaryKey(),
      petitionKey: to(petitions).notNull(),
      /** The keyed hash of the petition and of what all spellings of the mailbox have in common. */
      mailbox: d.bytes().notNull(),
      /** Which of the mailbox's spellings on the petition it is: 1 is the first. */
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

  /** How many mailboxes were mailed for what came through a key, and how many said yes, each by when it happened. */
  const keyFigures = d.table(
    'key_figures',
    {
      apiKeyKey: to(apiKeys).notNull(),
      petitionKey: to(petitions).notNull(),
      /** Ten minutes each, since 1970. */
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

  /** What comes through an isolated key is quarantined, until the lead organization releases it. */
  const keyIsolations = d.table(
    'key_isolations',
    {
      key: d.key(),
      apiKeyKey: to(apiKeys).notNull(),
      petitionKey: to(petitions).notNull(),
      /** The figures that did it. */
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
   * From which network a signature came through a publishable key, as a keyed hash, for two days. No foreign keys: it is
   * written for every such signature, and looks at nothing else.
   */
  const signatureNetworks = d.table(
    'signature_networks',
    {
      signatureKey: d.ref().primaryKey(),
      apiKeyKey: d.ref().notNull(),
      petitionKey: d.ref().notNull(),
      network: d.bytes().notNull(),
      createdAt: d.instant().notNull(),
      /** When the first mail about it has left. */
      askedAt: d.instant(),
    },
    (t) => [d.index('signature_networks_of_key').on(t.petitionKey, t.apiKeyKey, t.signatureKey)],
  );

  /** What comes through a key from such a network is quarantined, for a day. */
  const isolatedNetworks = d.table(
    'isolated_networks',
    {
      petitionKey: to(petitions).notNull(),
      apiKeyKey: to(apiKeys).notNull(),
      network: d.bytes().notNull(),
      /** The figures that did it. */
      asked: d.int().notNull(),
      confirmed: d.int().notNull(),
      isolatedAt: d.instant().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.petitionKey, t.apiKeyKey, t.network] })],
  );

  return {
    usedChallenges,
    suspicions,
    spellings,
    keyFigures,
    keyIsolations,
    signatureNetworks,
    isolatedNetworks,
  };
}
