import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* Supporters, and the contact data that organizations keep about them. */

export type PostalAddress = { lines: string[]; city?: string | null; region?: string | null };

export function defineSupportersTables(d: typeof Columns, parents: Parents<'organizations'>) {
  const { organizations } = parents;
  const to = referencesIn(d);

  const supporters = d.table(
    'supporters',
    {
      key: d.key(),
      publicId: d.publicId('sup').notNull(),
      /** Two addresses with the same identity are one person: see core/email.ts. */
      identity: d.str().notNull().unique(),
      /** The address for mails, as it was first typed. */
      delivery: d.str().notNull(),
      // The columns below must hold only what the owner of the mailbox has entered. Data of organizations is in
      // `contacts`.
      name: d.str(),
      /** The parts of the name, where they are known. */
      givenName: d.str(),
      familyName: d.str(),
      country: d.str(),
      postalCode: d.str(),
      postalAddress: d.json<PostalAddress>(),
      phone: d.str(),
      provenAt: d.instant(),
      /** Part of every personal link: incrementing it cancels all earlier links. */
      linkEpoch: d.int().notNull().default(0),
      /** When the person was erased: since then only the keyed hash in `identity` is left. */
      erasedAt: d.instant(),
      /** The test organization that this supporter exists for; null: a person. */
      testOrganizationKey: to(organizations),
      createdAt: d.instant().notNull(),
    },
    (t) => [
      d
        .index('supporters_test')
        .on(t.testOrganizationKey)
        .where(d.sql`test_organization_key is not null`),
      // Nearly always empty: every commit of signatures asks whether any supporter was ever erased.
      d
        .index('supporters_erased')
        .on(t.erasedAt)
        .where(d.sql`erased_at is not null`),
    ],
  );

  /**
   * Contact data that an organization keeps about a supporter. It is shown only to that organization and the supporter.
   */
  const contacts = d.table(
    'contacts',
    {
      organizationKey: to(organizations).notNull(),
      supporterKey: to(supporters).notNull(),
      name: d.str(),
      givenName: d.str(),
      familyName: d.str(),
      country: d.str(),
      postalCode: d.str(),
      postalAddress: d.json<PostalAddress>(),
      phone: d.str(),
      createdAt: d.instant().notNull(),
      updatedAt: d.instant().notNull(),
    },
    // The supporter first, for the export and the erasure of one person's data.
    (t) => [d.primaryKey({ columns: [t.supporterKey, t.organizationKey] })],
  );

  return { supporters, contacts };
}
