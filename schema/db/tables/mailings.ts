import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* Bulk mailings of organizations. */

export function defineMailingsTables(d: typeof Columns, parents: Parents<'organizations' | 'petitions'>) {
  const { organizations, petitions } = parents;
  const to = referencesIn(d);

  /** A bulk message that an organization sends with its own mailer. Personal links attribute signatures to it. */
  const mailings = d.table(
    'mailings',
    {
      key: d.key(),
      publicId: d.publicId('mlg').notNull().unique(),
      organizationKey: to(organizations).notNull(),
      petitionKey: to(petitions),
      /** 9 random bytes that identify it in personal links, instead of its id. */
      handle: d.bytes().notNull().unique(),
      name: d.str().notNull(),
      source: d.str(),
      createdAt: d.instant().notNull(),
    },
    (t) => [d.index('mailings_organization').on(t.organizationKey, t.key)],
  );

  return { mailings };
}
