import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { mailingOfHandle } from '../counts/mailing-counts.js';
import { linkedSubscription, verify } from '../links/signed-tokens.js';

export type RecognisedMailing = { key: number; organizationKey: number; variantKey: number | null };

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
  const linked = claims?.mailing && (await linkedSubscription(tx, 'recognise', claims));
  if (!claims?.mailing || !linked) return null;
  const { organizationKey } = linked;
  const mailing = await mailingOfHandle(tx, claims.mailing, organizationKey);
  return mailing ? { key: mailing.mailingKey, organizationKey, variantKey: mailing.variantKey } : null;
}
