import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import type * as Columns from './columns.postgres.js';

/* What keeps machines from signing. */

export const CHALLENGES = ['auto', 'always', 'off'] as const;
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

/** What an organiser does with signatures. */
export const MODERATION_ACTIONS = ['release', 'refuse', 'invalidate', 'restore', 'quarantine'] as const;
export type ModerationAction = (typeof MODERATION_ACTIONS)[number];

export function defineBrakeTables(
  d: typeof Columns,
  parents: Record<'petitions' | 'signatures', { key: AnyPgColumn }>,
) {
  /** Proofs of work that were used: each is good for one signature. */
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
    signatureKey: d
      .ref()
      .primaryKey()
      .references(() => parents.signatures.key),
    score: d.int().notNull(),
    signals: d.json<Signal[]>().notNull(),
    createdAt: d.instant().notNull(),
  });

  /** Signatures under a spelling of their mailbox that anybody can make up. See core/brakes/spellings.ts. */
  const spellings = d.table(
    'spellings',
    {
      signatureKey: d
        .ref()
        .primaryKey()
        .references(() => parents.signatures.key),
      petitionKey: d
        .ref()
        .notNull()
        .references(() => parents.petitions.key),
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

  return { usedChallenges, suspicions, spellings };
}
