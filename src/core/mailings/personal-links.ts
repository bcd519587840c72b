import { dayOf } from '../../time.js';
import type { Context } from '../context.js';
import { signer } from '../links/signed-tokens.js';

/** Whom links are for: the handle of a subscription, and the link epoch of its supporter. */
export type LinkedTo = { epoch: number; handle: Buffer };

/** The links of one recipient of a mailing. Their tokens name the mailing and, where it has one, the variant. */
export type PersonalLinks = {
  /** For links in the body. It tells the mailing and identifies no reader, so a forwarded mail is harmless. */
  recogniseToken: string;
  /** For the `List-Unsubscribe` header only. */
  oneClickUrl: string;
  /** For the footer. */
  unsubscribeUrl: string;
  /** For the footer: where people ask for a link to their data. The same for all: mails are forwarded. */
  manageUrl: string;
};

/**
 * Returns a function that makes the links of any number of recipients, from the handle of the mailing or of a variant.
 * Get a new one for each batch, since it goes on signing with the key that was current.
 */
export async function linkSigner(
  ctx: Context,
): Promise<(to: LinkedTo, mailingHandle: Buffer) => PersonalLinks> {
  // A transaction, because signing for the first time creates the key.
  const sign = await ctx.store.transact(async (tx) => ({
    recognise: await signer(ctx, tx, 'recognise'),
    header: await signer(ctx, tx, 'unsubscribe_header'),
    footer: await signer(ctx, tx, 'unsubscribe_footer'),
  }));
  const day = dayOf(ctx.now());
  const { links } = ctx;
  return ({ epoch, handle }, mailing) => {
    const claims = { epoch, day, handle, mailing };
    return {
      recogniseToken: sign.recognise(claims),
      oneClickUrl: links.oneClick(sign.header(claims)),
      unsubscribeUrl: links.to('unsubscribe', sign.footer(claims)),
      manageUrl: links.manage,
    };
  };
}
