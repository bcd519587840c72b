import type { Petition } from './api.js';
import { h } from './dom.js';
import { say, type Language } from './language.js';

/** What those whom the petition addresses will be given of the signature. It stands beside each button that signs. */
export const disclosedView = (
  { form: { discloses }, targets }: Petition,
  { words, list }: Language,
): HTMLElement | undefined =>
  discloses[0] &&
  h(
    'p',
    { class: 'said', part: 'disclosed' },
    say(words.disclosed, {
      fields: list(discloses.map((field) => words[`disclosed_${field}`])),
      // Names keep their own direction within the sentence.
      targets: targets[0] ? ` (${list(targets.map(({ name }) => `\u2068${name}\u2069`))})` : '',
    }),
  );
