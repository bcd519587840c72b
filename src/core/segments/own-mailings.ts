import { and, eq } from 'drizzle-orm';
import type { Reader } from '../../store/store.js';

/** The key of a mailing of this organization; undefined: it has none with this id. */
export async function findOwnMailing(
  { db, tables: { mailings: t } }: Reader,
  organizationKey: number,
  publicId: string,
): Promise<number | undefined> {
  const [row] = await db
    .select({ key: t.key })
    .from(t)
    .where(and(eq(t.publicId, publicId), eq(t.organizationKey, organizationKey)));
  return row?.key;
}
