import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { newShareCode } from '../sharing/share-codes.js';
import { insertSharedLink } from '../sharing/sharing.js';
import type { MailingView } from './mailings.js';
import { SHARED_ON, type CompiledMailing, type MailingSource, type SharedLink } from './source.js';

/*
 * The share lines of a mailing share links of its own, one for each network. They name the mailing as their source and no
 * recipient, so a forwarded mail says of nobody that they have shared it.
 */

/** The source with links that do not exist yet: `makeSharedLinks` makes those that its texts use. */
export function withSharedLinks(
  { links, random }: Pick<Context, 'links' | 'random'>,
  source: MailingSource,
): MailingSource {
  const { petition } = source;
  if (!petition) return source;
  const shareLinks = SHARED_ON.map((network): SharedLink => {
    const code = newShareCode(random);
    const text = petition.shareTexts.find((one) => one.network === network)?.text ?? null;
    return { network, code, url: links.share(code), text };
  });
  return { ...source, petition: { ...petition, shareLinks } };
}

export async function makeSharedLinks(
  ctx: Context,
  tx: Tx,
  { petitionKey, organizationKey, publicId: source }: SharingMailing,
  shareLinks: readonly SharedLink[],
  { variants }: CompiledMailing,
): Promise<void> {
  if (petitionKey === null) return;
  const uses = (code: string): boolean =>
    variants.some(
      ({ links, frozen }) =>
        links.some(({ url }) => url?.includes(code)) ||
        Object.values(frozen.locales).some(({ html }) => html.includes(code)),
    );
  for (const { network, code, text } of shareLinks.filter((one) => uses(one.code))) {
    await insertSharedLink(ctx, tx, { petitionKey, organizationKey, source, network, code, text });
  }
}

export type SharingMailing = Pick<MailingView, 'petitionKey' | 'organizationKey' | 'publicId'>;
