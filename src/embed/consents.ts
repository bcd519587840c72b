import type { ConsentText, SignatureInput } from './api.js';
import { button, h } from './dom.js';
import { say, type Language } from './language.js';

type Answers = NonNullable<SignatureInput['opt_ins']>;

/** As many are shown at once; with more, all but the first are behind a button. */
const SHOWN = 3;

export type Consents = {
  root: HTMLElement | null;
  /** The answers to the texts that the person could see. */
  answers: () => Answers;
};

/** The choice of who may mail the signer. Nothing is ticked beforehand: consent has to be given actively. */
export function makeConsents(texts: readonly ConsentText[], { words, number }: Language): Consents {
  if (texts.length === 0) return { root: null, answers: () => [] };
  const isShort = texts.length <= SHOWN;
  const boxes = texts.map((text, i) => consentBox(text, words, !isShort && i > 0));
  const answersOf = (some: typeof boxes) => some.map(({ answer }) => answer());
  const optional = h('span', { class: 'quiet' }, ` ${words.optional}`);
  const legend = h('legend', { part: 'label' }, words.consents_legend, optional);
  const root = h('fieldset', { part: 'consents' }, legend);
  const roots = boxes.map((box) => box.root);
  if (isShort) {
    root.append(...roots);
    return { root, answers: () => answersOf(boxes) };
  }
  const [first, ...others] = boxes;
  const tick = (text: string, checked: boolean) =>
    button(text, () => others.forEach(({ box }) => (box.checked = checked)));
  const more = h(
    'details',
    { part: 'more-consents' },
    h('summary', { part: 'summary' }, say(words.consents_more, { count: number(others.length) })),
    h('p', { class: 'buttons' }, tick(words.consents_all, true), tick(words.consents_none, false)),
    h('div', { class: 'many' }, ...roots.slice(1)),
  );
  let seen = false;
  more.addEventListener('toggle', () => (seen = true));
  root.append(...roots.slice(0, 1), more);
  // Texts that nobody has seen were not asked: that is not the same as a no.
  return { root, answers: () => answersOf(seen || !first ? boxes : [first]) };
}

function consentBox(
  { id, organization, text, locale, privacy_url: privacy }: ConsentText,
  { privacy_link }: Language['words'],
  named: boolean,
) {
  const box = h('input', { type: 'checkbox', name: id });
  const words = h('span', { lang: locale, dir: 'auto' }, text);
  const root = h(
    'div',
    { part: 'consent' },
    h(
      'label',
      { class: 'choice' },
      box,
      h('span', {}, named && h('strong', { class: 'lines', dir: 'auto' }, organization.name), words),
    ),
    privacy && privacyView(privacy, say(privacy_link, { organization: organization.name })),
  );
  return { box, root, answer: () => ({ consent_text_id: id, opt_in: box.checked }) };
}

/** A link to the privacy notice of an organization. */
export const privacyView = (url: string, text: string) =>
  h('p', { class: 'hint', part: 'privacy' }, h('a', { href: url, target: '_blank', rel: 'noopener' }, text));
