import type { Petition } from './api.js';
import { button, focusOn, h } from './dom.js';
import { say, type Language } from './language.js';
import { richText } from './rich-text.js';

type Target = Petition['targets'][number];

/** The petition's title, targets, statement and background. `choose`: reads it in another language. */
export function petitionView(
  petition: Petition,
  language: Language,
  choose: (locale: string) => void,
): DocumentFragment {
  const { words } = language;
  const { title, targets, statement, locale, image, organization } = petition;
  const view = document.createDocumentFragment();
  if (petition.locales[1]) view.append(languagesView(petition, choose));
  if (petition.test) view.append(h('p', { class: 'test', part: 'test' }, words.test_note));
  if (image) {
    view.append(picture({ class: 'picture', part: 'picture', src: image.url, alt: image.alt, lang: locale }));
  }
  view.append(leadView(organization), h('h2', { part: 'title', lang: locale, dir: 'auto' }, title));
  if (targets.length > 0) {
    view.append(
      h(
        'p',
        { class: 'targets', part: 'targets' },
        h('span', { class: 'quiet' }, `${words.to_label} `),
        h('span', { lang: locale, dir: 'auto' }, targets.map(nameOf).join('; ')),
      ),
    );
  }
  view.append(h('p', { class: 'statement lines', part: 'statement', lang: locale, dir: 'auto' }, statement));
  const why = backgroundOf(petition, words);
  if (why) view.append(why);
  const partners = partnersView(petition, language);
  if (partners) view.append(partners);
  return view;
}

/** The petition's other languages, each by its own name. */
const languagesView = ({ locale, locales }: Petition, choose: (locale: string) => void) =>
  h(
    'nav',
    { class: 'buttons', part: 'languages' },
    ...locales.map(
      (one) =>
        one !== locale &&
        button(new Intl.DisplayNames(one, { type: 'language' }).of(one), () => choose(one), { lang: one }),
    ),
  );

/** A picture, which disappears where it cannot be loaded: the page's policy may forbid it. */
function picture(attributes: Record<string, string>): HTMLImageElement {
  const image = h('img', { ...attributes, referrerpolicy: 'no-referrer' });
  image.addEventListener('error', () => image.remove());
  return image;
}

export const link = (url: string | null | undefined, text: string) =>
  url
    ? h('a', { href: url, target: '_blank', rel: 'noopener', dir: 'auto' }, text)
    : h('span', { dir: 'auto' }, text);

const leadView = ({ name, url, logo_url: logo }: Petition['organization']) =>
  h(
    'p',
    { class: 'lead', part: 'organization' },
    logo && picture({ class: 'logo', part: 'logo', src: logo, alt: '' }),
    link(url, name),
  );

const FEW_PARTNERS = 5;

function partnersView({ partners }: Petition, { words, number }: Language): HTMLElement | null {
  if (partners.length === 0) return null;
  const list = h('ul', { class: 'names' }, ...partners.map(({ name, url }) => h('li', {}, link(url, name))));
  if (partners.length > FEW_PARTNERS) {
    const text = say(words.partners_button, { count: number(partners.length) });
    return h('details', { part: 'partners' }, h('summary', { part: 'summary' }, text), list);
  }
  return h(
    'div',
    { class: 'partners', part: 'partners' },
    h('span', { class: 'quiet' }, words.partners_label),
    list,
  );
}

/** Who is responsible, below everything else. */
export const imprintView = ({ organization: { imprint } }: Petition) =>
  imprint && h('p', { class: 'hint lines', part: 'imprint', dir: 'auto' }, imprint);

const nameOf = ({ name, title, organization }: Target): string =>
  [name, title, organization].filter(Boolean).join(', ');

function backgroundOf(petition: Petition, words: Language['words']): HTMLElement | null {
  const { background, background_html, references, locale } = petition;
  if (background === null || background_html === null) return null;
  const text = richText(background_html, locale, () =>
    background.replace(/\[\^(\d+)\]/g, (note, n: string) => placeOf(references, n) ?? note),
  );
  numberNotes(text, references);
  const root = h(
    'details',
    { part: 'background' },
    h('summary', { part: 'summary' }, words.background_button),
    text,
    references.length > 0 && h('h3', {}, words.references_heading),
    references.length > 0 && h('ol', { class: 'sources', lang: locale }, ...references.map(sourceOf)),
  );
  // Fragment links do not work within a shadow tree.
  root.addEventListener('click', (event) => {
    const id = (event.target as Element).closest('a[href^="#"]')?.getAttribute('href')?.slice(1);
    if (id === undefined) return;
    event.preventDefault();
    const source = root.querySelector<HTMLElement>(`[id="${CSS.escape(id)}"]`);
    if (source) focusOn(source);
  });
  return root;
}

type References = Petition['references'];

/** The number that a source is shown with: campaigns number theirs with gaps, which look like something is missing. */
const placeOf = (references: References, number: string | undefined): string | undefined => {
  const place = references.findIndex((one) => String(one.number) === number) + 1;
  return place > 0 ? `[${place}]` : undefined;
};

function numberNotes(text: HTMLElement, references: References): void {
  for (const note of text.querySelectorAll('sup a')) {
    const number = note.getAttribute('href')?.split('-')[1];
    note.textContent = placeOf(references, number) ?? note.textContent;
  }
}

function sourceOf({ number, title, authors, publisher, date, url }: References[number]) {
  const words = [authors, publisher, date].filter(Boolean).join(', ');
  return h(
    'li',
    { id: `reference-${number}`, dir: 'auto' },
    url ? h('a', { href: url, target: '_blank', rel: 'nofollow noopener noreferrer' }, title) : title,
    words !== '' && `. ${words}`,
  );
}

/** Why the petition cannot be signed now, or how it ended. */
export function closedView(petition: Petition, { words, date }: Language): HTMLElement {
  const { status, opens_at, outcome, response, locale } = petition;
  const view = h('div', { class: 'notice', part: 'notice' });
  if (status === 'published') {
    // A published petition after its closing time is shown as closed.
    const begins = opens_at !== null && Date.parse(opens_at) > Date.now();
    view.append(h('p', {}, begins ? say(words.not_open_until, { date: date(opens_at) }) : words.closed));
    return view;
  }
  if (outcome !== 'none') view.append(h('h3', { part: 'outcome' }, words[`outcome_${outcome}`]));
  view.append(h('p', {}, words.closed));
  if (response !== null) {
    view.append(
      h('h3', {}, words.response_heading),
      h('p', { class: 'lines', part: 'response', lang: locale, dir: 'auto' }, response),
    );
  }
  return view;
}
