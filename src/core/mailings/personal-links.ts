import { dayOf } from '../../time.js';
import type { Context } from '../context.js';
import { signer } from '../links/signed-tokens.js';

/** The links in one mail. */
export type PersonalLinks = {
  recogniseToken: string;
  oneClickUrl: string;
  unsubscribeUrl: string;
  manageUrl: string;
};

/** Makes the personal links of any number of mails. */
export async function linkSigner(
  ctx: Context,
): Promise<(to: { epoch: number; handle: Buffer }, variantHandle: Buffer) => PersonalLinks> {
  // A transaction, because signing for the first time creates the key.
  const sign = await ctx.store.transact(async (tx) => ({
    recognise: await signer(ctx, tx, 'recognise'),
    header: await signer(ctx, tx, 'unsubscribe_header'),
    footer: await signer(ctx, tx, 'unsubscribe_footer'),
  }));
  const day = dayOf(ctx.now());
  return ({ epoch, handle }, mailing) => {
    const claims = { epoch, day, handle };
    return {
      recogniseToken: sign.recognise({ ...claims, mailing }),
      oneClickUrl: ctx.links.oneClick(sign.header(claims)),
      unsubscribeUrl: ctx.links.to('unsubscribe', sign.footer(claims)),
      manageUrl: `${ctx.links.origin}/manage`,
    };
  };
}
