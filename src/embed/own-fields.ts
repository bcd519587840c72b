import type { Petition, SignatureInput } from './api.js';
import { h } from './dom.js';
import { errorPlace, makeField, type Field } from './fields.js';
import type { Language } from './language.js';

type OwnField = Petition['form_fields'][number];
type Labelled = Pick<OwnField, 'label' | 'labels'>;

/** With more, a choice is a list that opens. */
const MOST_RADIOS = 4;

/** The fields that the petition has of its own. */
export function makeOwnFields({ form_fields, locale }: Petition, language: Language) {
  /** The label in the reader's language, else in that of the petition. */
  const labelOf = ({ label, labels }: Labelled): HTMLElement => {
    const asked = labels[language.asked] ?? labels[language.asked.split('-')[0] ?? ''];
    return h('span', { dir: 'auto', lang: asked === undefined ? locale : null }, asked ?? label);
  };
  const fields = form_fields.map((own) => {
    const label = labelOf(own);
    if (own.kind === 'checkbox') return checkbox(own, label, language);
    if (own.kind === 'choice' && own.choices.length <= MOST_RADIOS) {
      return radios(own, label, labelOf, language);
    }
    return typedOrChosen(own, label, labelOf, language);
  });
  const read = () => {
    const answers: NonNullable<SignatureInput['answers']> = {};
    form_fields.forEach(({ name, kind }, i) => {
      const value = fields[i]?.value();
      if (kind === 'checkbox') answers[name] = value !== '';
      else if (value) answers[name] = value;
    });
    return answers;
  };
  return { fields, read };
}

const namesOf = ({ name, required }: OwnField, { words }: Language) => ({
  name: `answers.${name}`,
  pointer: `/answers/${name}`,
  optional: required ? null : words.optional,
});

const note = (optional: string | null) => optional !== null && h('span', { class: 'quiet' }, ` ${optional}`);

function typedOrChosen(
  own: OwnField,
  label: HTMLElement,
  labelOf: (one: Labelled) => HTMLElement,
  language: Language,
): Field {
  const control =
    own.kind === 'text'
      ? h('input', { type: 'text', autocomplete: 'off', maxlength: own.max_length, dir: 'auto' })
      : h('select', { autocomplete: 'off' }, h('option', { value: '' }, language.words.country_choose));
  for (const choice of own.choices) {
    control.append(h('option', { value: choice.value }, labelOf(choice).textContent));
  }
  return makeField({ ...namesOf(own, language), label, control });
}

function checkbox(own: OwnField, label: HTMLElement, language: Language): Field {
  const { name, pointer, optional } = namesOf(own, language);
  const control = h('input', { type: 'checkbox', name, required: own.required });
  const { error, showError } = errorPlace(name, '', control);
  const root = h(
    'div',
    { class: 'wide', part: 'field' },
    h('label', { class: 'choice' }, control, h('span', {}, label, note(optional))),
    error,
  );
  const value = () => (control.checked ? '1' : '');
  return { pointer, label: label.textContent, control, root, required: own.required, value, showError };
}

function radios(
  own: OwnField,
  label: HTMLElement,
  labelOf: (one: Labelled) => HTMLElement,
  language: Language,
): Field {
  const { name, pointer } = namesOf(own, language);
  const { no_answer } = language.words;
  // What was chosen by mistake can be taken back only where "no answer" is a choice, too.
  const choices: [value: string, label: HTMLElement][] = own.choices.map((one) => [one.value, labelOf(one)]);
  if (!own.required) choices.push(['', h('span', {}, no_answer)]);
  const boxes = choices.map(([value]) =>
    h('input', { type: 'radio', name, value, required: own.required, checked: value === '' }),
  );
  const root = h(
    'fieldset',
    { role: 'radiogroup', part: 'field', 'aria-required': own.required && 'true' },
    h('legend', { part: 'label' }, label),
    ...choices.map(([, words], i) => h('label', { class: 'choice' }, boxes[i], words)),
  );
  const { error, showError } = errorPlace(name, '', root);
  root.append(error);
  const value = () => boxes.find(({ checked }) => checked)?.value ?? '';
  const [control = h('input')] = boxes;
  return { pointer, label: label.textContent, control, root, required: own.required, value, showError };
}
