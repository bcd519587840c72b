import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* What people change about themselves. */

export const EMAIL_CHANGE_STATUSES = ['requested', 'applied', 'undone'] as const;

export function defineMyDataTables(d: typeof Columns, parents: Parents<'supporters'>) {
  const { supporters } = parents;
  const to = referencesIn(d);

  /** A wish to use another address: nothing changes before the new mailbox has said yes. */
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
