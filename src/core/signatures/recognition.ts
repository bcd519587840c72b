import { eq } from 'drizzle-orm';
import { bind, statement, type Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { linkedSubscription, verify } from '../links/signed-tokens.js';

export type RecognisedMailing = { key: number; organizationKey: number; variantKey: number | null };

const mailingByHandle = statement('mailing_by_handle', ({ db, tables: { mailings: t } }: Tx) =>
  db
    .select({ key: t.key, organizationKey: t.organizationKey })
    .from(t)
    .where(eq(t.handle, bind(t.handle, 'handle'))),
);

const mailingByVariant = statement(
  'mailing_by_variant',
  ({ db, tables: { mailingVariants: v, mailings: t } }: Tx) =>
    db
      .select({ key: t.key, organizationKey: t.organizationKey, variantKey: v.key })
      .from(v)
      .innerJoin(t, eq(t.key, v.mailingKey))
      .where(eq(v.handle, bind(v.handle, 'handle'))),
);

/**
 * The mailing and the wording whose personal link brought a visitor. It never tells who the visitor is, since mails are
 * forwarded. Null for every token that does not work: a broken link must not fail a signing. Links that
 * `listMailingLinks` made name the mailing alone.
 */
export async function recogniseMailing(
  ctx: Context,
  tx: Tx,
  token: string,
): Promise<RecognisedMailing | null> {
  const claims = await verify(ctx, tx, 'recognise', token, tx.now);
  if (!claims?.mailing) return null;
  const linked = await linkedSubscription(tx, 'recognise', claims);
  if (!linked) return null;
  const mailing = await mailingOf(tx, claims.mailing);
  return mailing && mailing.organizationKey === linked.organizationKey ? mailing : null;
}

async function mailingOf(tx: Tx, handle: Buffer): Promise<RecognisedMailing | undefined> {
  const [byVariant] = await mailingByVariant(tx, { handle });
  if (byVariant) return byVariant;
  const [mailing] = await mailingByHandle(tx, { handle });
  return mailing && { ...mailing, variantKey: null };
}
