import { SHARED_ON, type MailingSource, type PetitionSource } from '../../core/mailings/source.js';
import { composerUrl } from '../../core/sharing/composers.js';
import { escapeHtml } from '../../escape-html.js';
import type { Catalogue } from '../catalogue.js';
import { cleanLines } from '../plain-text.js';
import { say } from '../words.js';
import { PALE } from './layout.js';
import type { BlockName } from './protect.js';
import { readableOn } from './surroundings.js';

/* The blocks of a mailing as HTML, in the words of the recipient's language. */

export type BlockValues = { petitionUrl: string; unsubscribeUrl: string; manageUrl: string; email: string };

export type BlockParts = {
  source: MailingSource;
  locale: string;
  mail: Catalogue['mail'];
  /** What stands for the values of the recipient. */
  values: BlockValues;
  references: (heading: string) => string;
  /** The colour behind it; null: that of the page. */
  background: string | null;
};

const lines = (text: string): string => cleanLines(text).map(escapeHtml).join('<br>');

export function blockHtml(name: BlockName, label: string | null, parts: BlockParts): string {
  const { source, mail, references } = parts;
  if (name === 'footer') return footer(parts);
  if (name === 'references') return references(mail.campaign.references);
  if (name === 'campaigner') return campaigner(source);
  return source.petition ? petitionBlock(name, label, source.petition, parts) : '';
}

function petitionBlock(
  name: Exclude<BlockName, 'footer' | 'references' | 'campaigner'>,
  label: string | null,
  petition: PetitionSource,
  { mail, values, locale }: BlockParts,
): string {
  const { petitionUrl } = values;
  switch (name) {
    case 'headline':
      return `<h1 class="u-headline" dir="auto"><a href="${petitionUrl}">${lines(label ?? petition.callToAction ?? petition.title)}</a></h1>`;
    case 'statement':
      return `<p dir="auto">${escapeHtml(reads(petition, mail, locale))}</p><blockquote class="u-quote" dir="auto">${lines(petition.statement)}</blockquote>`;
    case 'button':
      return `<p class="u-action"><a class="u-button" href="${petitionUrl}">${lines(label ?? say(mail.campaign.sign))}</a></p>`;
    case 'coalition':
      return escapeHtml(
        listed(
          petition.partners.map(({ name }) => name),
          locale,
        ),
      );
    case 'share':
      return share(petition, mail);
  }
}

function reads({ targets }: PetitionSource, mail: Catalogue['mail'], locale: string): string {
  if (targets.length === 0) return say(mail.common.statement);
  const names = targets.map(({ name, title, organization }) =>
    [name, title, organization].filter(Boolean).join(', '),
  );
  return say(mail.campaign.addressed, { targets: listed(names, locale, '; ') });
}

/** "A, B and C" in the language. */
function listed(names: readonly string[], locale: string, between?: string): string {
  // Names that hold commas are parted by another sign.
  if (between !== undefined && names.some((name) => name.includes(','))) return names.join(between);
  return new Intl.ListFormat(locale, { type: 'conjunction' }).format(names);
}

function campaigner({ petition, organization }: MailingSource): string {
  const { name, role } = petition?.campaigner ?? { name: organization.name, role: null };
  // "Campaign manager, River Meadows" says of which organization.
  const isSaid = name === organization.name || (role ?? '').includes(organization.name);
  const below = [role, isSaid ? null : organization.name].filter((one) => one !== null && one !== '');
  const rest = below.map((one) => `<br>${escapeHtml(one ?? '')}`).join('');
  return `<p dir="auto"><strong>${escapeHtml(name)}</strong>${rest}</p>`;
}

const NAMES: Readonly<Record<(typeof SHARED_ON)[number], string>> = {
  facebook: 'Facebook',
  x: 'X',
  whatsapp: 'WhatsApp',
  bluesky: 'Bluesky',
};

function share(
  { title, url: page, shareTexts, shareLinks }: PetitionSource,
  mail: Catalogue['mail'],
): string {
  const links = SHARED_ON.flatMap((network) => {
    const known = shareLinks?.find((one) => one.network === network);
    const text = known?.text ?? shareTexts.find((one) => one.network === network)?.text ?? title;
    const link = composerUrl(network, { url: known?.url ?? page, text, title });
    return link === null ? [] : [`<a dir="auto" href="${escapeHtml(link)}">${NAMES[network]}</a>`];
  });
  // The words are English where no file has the language, which may be written from the other side.
  return `<p class="u-share"><span dir="auto">${escapeHtml(say(mail.campaign.share))}</span> ${links.join(' · ')}</p>`;
}

/** Who sends this, to which address, and the two links that every mailing has. */
function footer({ source: { organization }, mail, values, background }: BlockParts): string {
  const { name, url, imprint } = organization;
  const style = background === null ? '' : ` style="color:${readableOn(background, PALE)}"`;
  const link = (href: string, text: string) => `<a href="${href}"${style}>${escapeHtml(text)}</a>`;
  const sender = url ? link(escapeHtml(url), name) : escapeHtml(name);
  const { sent_to: sentTo, manage, unsubscribe } = mail.campaign;
  const small = (html: string) => `<p class="u-small"${style}><span dir="auto">${html}</span></p>`;
  return `<hr class="u-line">${[
    small(`${sender}${imprint ? `<br>${lines(imprint)}` : ''}`),
    small(escapeHtml(say(sentTo, { email: values.email }))),
    small(`${link(values.manageUrl, say(manage))}<br>${link(values.unsubscribeUrl, say(unsubscribe))}`),
  ].join('')}`;
}
