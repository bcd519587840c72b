import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* The bulk messages of organizations. */

export function defineMailingsTables(d: typeof Columns, parents: Parents<'organizations' | 'petitions'>) {
  const { organizations, petitions } = parents;
  const to = referencesIn(d);

  /** One bulk message of an organization, sent by its own mailer: here it gives personal links their attribution. */
  const mailings = d.table(
    'mailings',
    {
      key: d.key(),
      publicId: d.publicId('mlg').notNull().unique(),
      organizationKey: to(organizations).notNull(),
      petitionKey: to(petitions),
      /** What its links carry instead of an id: 9 random bytes. */
      handle: d.bytes().notNull().unique(),
      name: d.str().notNull(),
      source: d.str(),
      createdAt: d.instant().notNull(),
    },
    (t) => [d.index('mailings_organization').on(t.organizationKey, t.key)],
  );

  return { mailings };
}
