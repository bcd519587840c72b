import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* People, and what organizations say of them. */

export type PostalAddress = { lines: string[]; city?: string | null; region?: string | null };

export function defineSupportersTables(d: typeof Columns, parents: Parents<'organizations'>) {
  const { organizations } = parents;
  const to = referencesIn(d);

  const supporters = d.table(
    'supporters',
    {
      key: d.key(),
      publicId: d.publicId('sup').notNull(),
      /** What makes two addresses one person: see core/email.ts. */
      identity: d.str().notNull().unique(),
      /** Where mail goes: as it was first typed. */
      delivery: d.str().notNull(),
      // Below: only what the owner of the mailbox has said. What organizations say is in their contacts.
      name: d.str(),
      country: d.str(),
      postalCode: d.str(),
      postalAddress: d.json<PostalAddress>(),
      phone: d.str(),
      provenAt: d.instant(),
      /** Personal links carry it: raising it cancels all that were made before. */
      linkEpoch: d.int().notNull().default(0),
      /** Since when nothing is left of the person but the keyed hash in `identity`. */
      erasedAt: d.instant(),
      createdAt: d.instant().notNull(),
    },
    (t) => [
      // Nearly always empty: whether anybody was ever erased is asked for every commit of signatures.
      d
        .index('supporters_erased')
        .on(t.erasedAt)
        .where(d.sql`erased_at is not null`),
    ],
  );

  /** What an organization says of somebody: its word alone, and shown to nobody else but them. */
  const contacts = d.table(
    'contacts',
    {
      organizationKey: to(organizations).notNull(),
      supporterKey: to(supporters).notNull(),
      name: d.str(),
      country: d.str(),
      postalCode: d.str(),
      postalAddress: d.json<PostalAddress>(),
      phone: d.str(),
      createdAt: d.instant().notNull(),
      updatedAt: d.instant().notNull(),
    },
    // By the person first: what is kept of one is exported, and forgotten.
    (t) => [d.primaryKey({ columns: [t.supporterKey, t.organizationKey] })],
  );

  return { supporters, contacts };
}
