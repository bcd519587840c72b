import { oneOf } from '../checks.js';
import type * as Columns from '../columns.postgres.js';
import { referencesIn } from '../references.js';

/* Organizations and their API keys. */

export const KEY_KINDS = ['secret', 'publishable'] as const;

/** The scopes of secret keys. */
export const SCOPES = [
  'organization:write',
  'keys:manage',
  'petitions:write',
  'signatures:read',
  'signatures:write',
  'signatures:vouch',
  'signatures:moderate',
  'paper:write',
  'consents:write',
  'subscriptions:read',
  'subscriptions:write',
  'mailings:write',
  'mailings:send',
  'partners:write',
  'shares:read',
  'deliveries:read',
  'deliveries:write',
] as const;

/** The scopes of admin keys. */
export const ADMIN_SCOPES = ['installation:write'] as const;

export type Scope = (typeof SCOPES)[number];
export type AdminScope = (typeof ADMIN_SCOPES)[number];

export function defineOrganizationTables(d: typeof Columns) {
  const to = referencesIn(d);

  const organizations = d.table(
    'organizations',
    {
      key: d.key(),
      publicId: d.publicId('org').notNull().unique(),
      slug: d.str().notNull().unique(),
      name: d.str().notNull(),
      url: d.str(),
      /** The language of mails that are about no petition. */
      locale: d.str().notNull().default('en'),
      /** Who is responsible, in the footer of every mail and below every form. */
      imprint: d.str(),
      logoUrl: d.str(),
      /** `#rrggbb`; white text on it can be read. */
      color: d.str(),
      /** The privacy notice that forms link to. */
      privacyUrl: d.str(),
      /** The address for replies to its mails. */
      replyTo: d.str(),
      /** 1: a subscription becomes active only when the mailbox has confirmed it. */
      doubleOptIn: d.int().notNull().default(1),
      /** The mailbox that gets all mails of its test organization. */
      testEmail: d.str(),
      /** The organization whose test organization this is: see core/organization/test-organization.ts. Null: it is real. */
      testOf: d.ref(),
      version: d.int().notNull(),
      createdAt: d.instant().notNull(),
      updatedAt: d.instant().notNull(),
    },
    (t) => [
      d
        .uniqueIndex('organizations_test_of')
        .on(t.testOf)
        .where(d.sql`test_of is not null`),
    ],
  );

  const apiKeys = d.table(
    'api_keys',
    {
      key: d.key(),
      publicId: d.publicId('key').notNull().unique(),
      organizationKey: to(organizations).notNull(),
      kind: d.enumText(KEY_KINDS).notNull(),
      name: d.str().notNull(),
      /** SHA-256 of the whole key. Keys are long and random, so a slow hash is not needed. */
      hash: d.bytes().notNull().unique(),
      /** The last four characters, so that people can distinguish their keys. */
      hint: d.str().notNull(),
      scopes: d.json<string[]>().notNull(),
      /** The origins where browsers may use a publishable key; empty: anywhere. */
      origins: d.json<string[]>().notNull().default([]),
      /** 1: a key of a test organization. */
      test: d.int().notNull().default(0),
      createdAt: d.instant().notNull(),
      lastUsedAt: d.instant(),
      revokedAt: d.instant(),
    },
    (t) => [
      d.index('api_keys_organization').on(t.organizationKey, t.key),
      d.check('api_keys_kind', oneOf(d, 'kind', KEY_KINDS)),
    ],
  );

  /** Keys of the installation itself: with them organizations are made. */
  const adminKeys = d.table('admin_keys', {
    key: d.key(),
    publicId: d.publicId('adm').notNull().unique(),
    name: d.str().notNull(),
    /** As in `api_keys`. */
    hash: d.bytes().notNull().unique(),
    hint: d.str().notNull(),
    scopes: d.json<string[]>().notNull(),
    createdAt: d.instant().notNull(),
    lastUsedAt: d.instant(),
    revokedAt: d.instant(),
  });

  return { organizations, apiKeys, adminKeys };
}
