import { oneOf } from '../checks.js';
import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* Links in mails. Tokens are never stored: of random ones only the hash, of signed ones nothing. */

export const TOKEN_PURPOSES = ['confirm', 'manage', 'session', 'email_apply', 'email_undo'] as const;

export type TokenPurpose = (typeof TOKEN_PURPOSES)[number];

export function defineLinksTables(
  d: typeof Columns,
  parents: Parents<'supporters' | 'confirmationRequests' | 'emailChanges'>,
) {
  const { supporters, confirmationRequests, emailChanges } = parents;
  const to = referencesIn(d);

  /** Hashes of random tokens that were mailed, and of session tokens. */
  const linkTokens = d.table(
    'link_tokens',
    {
      /** SHA-256 of the token. */
      hash: d.bytes().primaryKey(),
      purpose: d.enumText(TOKEN_PURPOSES).notNull(),
      supporterKey: to(supporters).notNull(),
      requestKey: to(confirmationRequests),
      emailChangeKey: to(emailChanges),
      /** The supporter's link epoch when the token was made. */
      epoch: d.int().notNull(),
      createdAt: d.instant().notNull(),
      expiresAt: d.instant().notNull(),
      usedAt: d.instant(),
    },
    (t) => [
      d.index('link_tokens_supporter').on(t.supporterKey),
      d.index('link_tokens_expires').on(t.expiresAt),
      d.check('link_tokens_purpose_known', oneOf(d, 'purpose', TOKEN_PURPOSES)),
    ],
  );

  /** The keys of signed links, sealed under the installation's root key. The latest one signs, all verify. */
  const linkKeys = d.table('link_keys', {
    /** 1 to 255: one byte in each link. */
    id: d.ref().primaryKey(),
    sealed: d.bytes().notNull(),
    createdAt: d.instant().notNull(),
  });

  return { linkTokens, linkKeys };
}
