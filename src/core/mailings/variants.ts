import { asc, eq } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { VariantContent } from '../../../schema/db/tables/mailings.js';
import type { Reader, Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { MAILING_HANDLE_BYTES } from '../links/signed-tokens.js';
import { variantContent, type VariantInput } from './content.js';

/* The wordings of a mailing. */

export type MailingVariantRow = Tables['mailingVariants']['$inferSelect'];

/** A mailing with content and without a test has one. */
const ONLY: VariantInput = { name: 'A' };

/** In their order. */
export const variantsOf = ({ db, tables: { mailingVariants: t } }: Reader, mailingKey: number) =>
  db.select().from(t).where(eq(t.mailingKey, mailingKey)).orderBy(asc(t.position));

/** Ids and handles for variants that may have to be made. Drawn before the transaction. */
export type FreshVariant = Pick<MailingVariantRow, 'publicId' | 'handle'>;
export const freshVariants = (ctx: Context, inputs: readonly VariantInput[] = []): FreshVariant[] =>
  Array.from({ length: Math.max(1, inputs.length) }, () => ({
    publicId: ctx.newId('mvr'),
    handle: ctx.random(MAILING_HANDLE_BYTES),
  }));

/** Writes the variants in place of those that are there; one of the same name keeps its id and handle. */
export async function replaceVariants(
  tx: Tx,
  mailingKey: number,
  inputs: readonly VariantInput[],
  fresh: readonly FreshVariant[],
): Promise<void> {
  const { mailingVariants: t } = tx.tables;
  const before = await variantsOf(tx, mailingKey);
  await tx.db.delete(t).where(eq(t.mailingKey, mailingKey));
  const wanted = inputs.length > 0 ? inputs : [ONLY];
  const rows = wanted.map((input, position) => {
    const { publicId, handle } =
      before.find(({ name }) => name === input.name) ?? (fresh[position] as FreshVariant);
    const content: VariantContent = variantContent(input);
    return { publicId, handle, mailingKey, position, name: input.name, content };
  });
  await tx.db.insert(t).values(rows);
}
