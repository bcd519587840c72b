import { darkPageShade } from '../../core/organization/colors.js';
import type { Lead } from '../../core/petitions/lead.js';
import type { Installation } from '../../installation.js';
import type { Catalogue } from '../../mail/catalogue.js';
import { say } from '../../mail/words.js';
import { html, type Html } from '../html.js';

/*
 * Who speaks on a page: the organization that it is about, or else the installation.
 *
 * Pictures come from servers of others. What these can learn is that some browser shows one of these pages, not which:
 * neither the page (its header) nor the element sends a referrer, so the token of a link stays here, and the policy of the
 * page allows their origins alone. The petition's picture waits for the page after a button was pressed, since mail
 * scanners open every link.
 */
export type Face = Readonly<{
  name: string;
  /** Where its name leads; empty: nowhere, as for all texts here. */
  url: string;
  logo: string;
  imprint: string;
  privacyUrl: string;
  /** `#rrggbb`; null: that of all pages. */
  color: string | null;
}>;

const faceOfInstallation = (installation: Installation, home: string): Face => ({
  ...installation,
  url: home,
  privacyUrl: '',
  color: null,
});

const faceOfOrganization = ({ name, url, logoUrl, imprint, privacyUrl, color }: Lead): Face => ({
  name,
  url: url ?? '',
  logo: logoUrl ?? '',
  imprint: imprint ?? '',
  privacyUrl: privacyUrl ?? '',
  color,
});

/** `home`: the address of the installation's first page. */
export const faceOf = (lead: Lead | null, installation: Installation, home: string): Face =>
  lead === null ? faceOfInstallation(installation, home) : faceOfOrganization(lead);

/** The style sheet of a colour, in the shades for light and for dark pages; null: none is needed. */
export const colorsOf = ({ color }: Face): string | null =>
  color === null
    ? null
    : `:root{--act:${color};--on-act:#fff}@media (prefers-color-scheme:dark){:root{--act:${darkPageShade(color)};--on-act:#111}}`;

export const originsOf = (...urls: string[]): string[] => [
  ...new Set(urls.flatMap((url) => (URL.canParse(url) ? [new URL(url).origin] : []))),
];

const nameOf = (name: string, url: string): string => (name === '' ? new URL(url).hostname : name);

export function headOf({ name, logo, url }: Face): Html {
  if (name === '' && logo === '') return html``;
  // The name beside it says what the picture shows.
  const picture = logo === '' ? '' : html`<img src="${logo}" alt="" referrerpolicy="no-referrer" />`;
  const who = html`${picture}<span dir="auto">${nameOf(name, logo)}</span>`;
  return html`<header class="head">
    ${url === '' ? html`<span class="who">${who}</span>` : html`<a class="who" href="${url}">${who}</a>`}
  </header>`;
}

/** `own`: the installation, which every page links to. */
export function footOf(
  { name, imprint, privacyUrl }: Face,
  { pages, embed }: Pick<Catalogue, 'pages' | 'embed'>,
  { at, own }: { at: (path: string) => string; own: Installation },
): Html {
  return html`<footer class="foot">
    <nav aria-label="${pages.common.more_label}">
      <a href="${at('/manage')}">${pages.manage.title}</a>
      <a href="${at('/unsubscribe')}">${pages.unsubscribe.title}</a>
      ${privacyUrl === '' ? '' : html`<a href="${privacyUrl}">${say(embed.privacy_link, { organization: name })}</a>`}
      ${own.url === '' ? '' : html`<a href="${own.url}" dir="auto">${nameOf(own.name, own.url)}</a>`}
    </nav>
    ${imprint === '' ? '' : html`<p dir="auto">${imprint}</p>`}
  </footer>`;
}
