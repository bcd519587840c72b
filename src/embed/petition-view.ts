import type { Petition } from './api.js';
import { focusOn, h } from './dom.js';
import { say, type Language } from './language.js';

type Target = Petition['targets'][number];

/** The petition's title, targets, statement and background. */
export function petitionView(petition: Petition, { words }: Language): DocumentFragment {
  const { title, targets, statement, locale } = petition;
  const view = document.createDocumentFragment();
  view.append(h('h2', { part: 'title', lang: locale, dir: 'auto' }, title));
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
  return view;
}

const nameOf = ({ name, title, organization }: Target): string =>
  [name, title, organization].filter(Boolean).join(', ');

function backgroundOf(petition: Petition, words: Language['words']): HTMLElement | null {
  const { background, background_html, references, locale } = petition;
  if (background === null || background_html === null) return null;
  const text = h('div', { class: 'rich', lang: locale, dir: 'auto' });
  try {
    // Safe: the server renders it from Markdown without raw HTML, and sanitizes it.
    text.innerHTML = trusted(background_html);
  } catch {
    // The page's Trusted Types policy may forbid it: the Markdown is shown as text.
    text.append(h('p', { class: 'lines' }, background));
  }
  for (const link of text.querySelectorAll<HTMLAnchorElement>('a[href^="http"]')) link.target = '_blank';
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

type Policies = { createPolicy: (name: string, rules: { createHTML: (html: string) => string }) => Policy };
type Policy = { createHTML: (html: string) => string };
let policy: Policy | undefined;

/** Passes HTML through a named policy, for pages that enforce Trusted Types. */
function trusted(html: string): string {
  const { trustedTypes } = window as unknown as { trustedTypes?: Policies };
  policy ??= trustedTypes?.createPolicy('undersigned', { createHTML: (text) => text });
  return policy ? policy.createHTML(html) : html;
}

function sourceOf({ number, title, authors, publisher, date, url }: Petition['references'][number]) {
  const words = [authors, publisher, date].filter(Boolean).join(', ');
  return h(
    'li',
    { id: `reference-${number}`, value: number, dir: 'auto' },
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
