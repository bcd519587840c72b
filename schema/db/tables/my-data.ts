import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* Changes of address by supporters. */

export const EMAIL_CHANGE_STATUSES = ['requested', 'applied', 'undone'] as const;

export function defineMyDataTables(d: typeof Columns, parents: Parents<'supporters'>) {
  const { supporters } = parents;
  const to = referencesIn(d);

  /** A requested change of address. It takes effect when the new mailbox confirms it. */
  const emailChanges = d.table(
    'email_changes',
    {
      key: d.key(),
      supporterKey: to(supporters).notNull(),
      status: d.enumText(EMAIL_CHANGE_STATUSES).notNull(),
      oldIdentity: d.str().notNull(),
      oldDelivery: d.str().notNull(),
      newIdentity: d.str().notNull(),
      newDelivery: d.str().notNull(),
      createdAt: d.instant().notNull(),
      appliedAt: d.instant(),
      undoneAt: d.instant(),
    },
    (t) => [d.index('email_changes_supporter').on(t.supporterKey, t.key)],
  );

  return { emailChanges };
}
