import { eq } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { linkedSubscription, verify } from '../links/signed-tokens.js';

/**
 * The mailing whose personal link brought a visitor. It never tells who the visitor is, since mails are forwarded. Null
 * for every token that does not work: a broken link must not fail a signing.
 */
export async function recogniseMailing(
  ctx: Context,
  tx: Tx,
  token: string,
): Promise<{ key: number; organizationKey: number } | null> {
  const claims = await verify(ctx, tx, 'recognise', token, tx.now);
  if (!claims?.mailing) return null;
  const linked = await linkedSubscription(tx, 'recognise', claims);
  if (!linked) return null;
  const { mailings: t } = tx.tables;
  const [mailing] = await tx.db
    .select({ key: t.key, organizationKey: t.organizationKey })
    .from(t)
    .where(eq(t.handle, claims.mailing));
  return mailing && mailing.organizationKey === linked.organizationKey ? mailing : null;
}
