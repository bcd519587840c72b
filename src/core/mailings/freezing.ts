import { and, eq } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { FrozenVariant } from '../../../schema/db/tables/mailings.js';
import type { Reader, Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { requireWritten } from '../overtaken.js';
import type { MailingView } from './mailings.js';

type VariantRow = Tables['mailingVariants']['$inferSelect'];

/** All that compiling needs. */
export type MailingSource = { mailing: MailingView; variants: VariantRow[]; organizationName: string };

export async function sourceOf(on: Reader, mailing: MailingView): Promise<MailingSource> {
  const { mailingVariants: t, organizations } = on.tables;
  const variants = await on.db.select().from(t).where(eq(t.mailingKey, mailing.key)).orderBy(t.position);
  const [organization] = await on.db
    .select({ name: organizations.name })
    .from(organizations)
    .where(eq(organizations.key, mailing.organizationKey));
  return { mailing, variants, organizationName: organization?.name ?? '' };
}

/** Stores what every variant says, in the order of their positions. */
export async function freezeMailing(
  _ctx: Context,
  tx: Tx,
  mailing: Pick<MailingView, 'key'>,
  frozen: readonly FrozenVariant[],
): Promise<void> {
  const { mailingVariants: t } = tx.tables;
  for (const [position, variant] of frozen.entries()) {
    const written = await tx.db
      .update(t)
      .set({ frozen: variant })
      .where(and(eq(t.mailingKey, mailing.key), eq(t.position, position)))
      .returning({ key: t.key });
    requireWritten(written);
  }
}
