import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Network } from '../../../schema/db/tables/sharing.js';
import type { ConfirmationPreview } from '../../core/confirmation/confirmation-previews.js';
import type { Context } from '../../core/context.js';
import { composerUrl } from '../../core/sharing/composers.js';
import { shareFromOwnPage } from '../../core/sharing/sharing.js';
import { ApiError } from '../../errors.js';
import { say } from '../../mail/words.js';
import { button, form, html, Html } from '../html.js';
import { need, type Fields } from './setup.js';
import { testNote, told } from './told.js';
import { visitOf, type Site, type Visit } from './visit.js';

/* The page after confirming: the moment at which most people share. */

/** Proper names of networks. */
const NAMES: Partial<Record<Network, string>> = {
  whatsapp: 'WhatsApp',
  facebook: 'Facebook',
  telegram: 'Telegram',
  x: 'X',
  bluesky: 'Bluesky',
  mastodon: 'Mastodon',
};
const OFFERED: readonly Network[] = [
  'whatsapp',
  'facebook',
  'telegram',
  'email',
  'x',
  'bluesky',
  'mastodon',
  'copy',
];

const nameOf = ({ words }: Visit, network: Network): string =>
  NAMES[network] ?? (network === 'email' ? words.share.email : words.share.copy);

/** Says that a request is confirmed, or was already, and what to do next. */
export function thanks(visit: Visit, asked: ConfirmationPreview, { already }: { already: boolean }): Html {
  const { confirm: words, common } = visit.words;
  const { kind, petitionTitle: petition, petitionUrl } = asked;
  const done = already
    ? [words.already_signature, words.already_subscription]
    : [words.done_signature, words.done_subscription];
  const [signature = '', subscription = ''] = done;
  const text = kind === 'signature' && petition !== null ? say(signature, { petition }) : subscription;
  const onwards =
    petitionUrl === null
      ? html`<p>${common.close_hint}</p>`
      : html`<p><a href="${petitionUrl}">${common.to_petition}</a></p>`;
  const page = told(
    already ? words.already_title : words.done_title,
    text,
    html`${kind === 'signature' ? ownThanks(asked.thanks) : ''}
    ${asked.receipt === null ? '' : shareForms(visit, { receipt: asked.receipt, locale: asked.locale ?? '' })}
    ${onwards}`,
  );
  return html`${testNote(visit, asked)} ${page}`;
}

/** The page after a button was pressed, which alone shows the petition's picture. */
export const sendThanks = (
  visit: Visit,
  reply: FastifyReply,
  asked: ConfirmationPreview,
  { already }: { already: boolean },
): FastifyReply => {
  const { already_title: before, done_title: done } = visit.words.confirm;
  const { picture } = asked;
  return visit.send(reply, 200, already ? before : done, thanks(visit, asked, { already }), { picture });
};

/** What the organization says itself. It is HTML that core has made safe. */
const ownThanks = (thanks: ConfirmationPreview['thanks']): Html =>
  thanks === null ? html`` : html`<div lang="${thanks.locale}" dir="auto">${new Html(thanks.html)}</div>`;

/** A button for each network. The link is made when one is pressed, so that links tell who has shared. */
function shareForms(visit: Visit, about: { receipt: string; locale: string }): Html {
  const { share: words } = visit.words;
  const forms = OFFERED.map((network) =>
    form(visit.at('/share'), { ...about, network }, button(nameOf(visit, network), { quiet: true }), {
      newTab: true,
    }),
  );
  return html`<h2>${words.heading}</h2>
    <p>${words.explanation}</p>
    <div class="networks">${forms}</div>`;
}

export function sharePages(app: FastifyInstance, ctx: Context, site: Site): void {
  const share = { config: { limit: 'share' as const }, schema: { hide: true } };
  app.post<{ Body: Fields }>('/share', share, async (request, reply) => {
    const visit = visitOf(site, request);
    const { share: words } = visit.words;
    const wanted = request.body.network;
    const network = OFFERED.find((one) => one === wanted);
    if (network === undefined) throw new ApiError('invalid_body');
    const { receipt, locale } = request.body;
    const link = await shareFromOwnPage(ctx, { receipt: need(receipt), network, locale: locale ?? null });
    const url = ctx.links.share(link.code);
    const composer = composerUrl(network, { url, text: link.text, title: link.petition.title });
    const shown = html`<p>${words.your_link}</p>
      <p><code dir="ltr">${url}</code></p>`;
    if (composer === null) {
      return visit.send(reply, 200, words.copy, told(words.copy, words.copy_hint, shown));
    }
    const title = say(words.open, { network: nameOf(visit, network) });
    const body = html`<h1>${title}</h1>
      <p><a href="${composer}" rel="noreferrer">${title}</a></p>
      ${shown}`;
    // Not a redirection: browsers hold the target of a form, and what that redirects to, against the page's policy.
    const meta = html`<meta http-equiv="refresh" content="0;url=${composer}" />`;
    return visit.send(reply, 200, title, body, { meta });
  });
}
