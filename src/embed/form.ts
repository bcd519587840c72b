import type { ConsentText, Petition, SignatureInput } from './api.js';
import { countriesIn } from './countries.js';
import { h } from './dom.js';
import { makeField, type Control, type Field, type FieldOptions } from './fields.js';
import type { Language } from './language.js';

type Rule = Petition['form'][keyof Petition['form']];
type Display = NonNullable<SignatureInput['display']>;

/** The fields and choices that the petition asks its signers to fill in. */
export type Questions = {
  element: HTMLElement;
  fields: Field[];
  /** What was typed, as a body for the API. */
  read: () => SignatureInput;
};

type Asked = [
  name: string,
  rule: Rule,
  label: string,
  control: Control,
  options?: Partial<Pick<FieldOptions, 'hint' | 'pointer'>>,
];
/** The text in a field; undefined where the petition does not ask for it. */
type Typed = (name: string) => string | undefined;

const MOST_CONSENTS = 10;
const DISPLAYS: Display[] = ['public', 'initials', 'anonymous'];

export function makeQuestions(petition: Petition, consents: ConsentText[], language: Language): Questions {
  const { words } = language;
  const fields = typedFields(petition, language);
  const display = displayChoice(words);
  const boxes = consents.slice(0, MOST_CONSENTS).map(consentBox);
  const trap = honeypot();
  const element = h(
    'div',
    { class: 'fields' },
    ...fields.map(({ root }) => root),
    display.root,
    trap.root,
    boxes.length > 0 && consentGroup(boxes, words),
  );
  const typed: Typed = (name) => fields.find(({ control }) => control.name === name)?.control.value.trim();
  const read = (): SignatureInput => ({
    name: typed('name') ?? '',
    email: typed('email') ?? '',
    ...filled({
      country: typed('country'),
      postal_code: typed('postal_code'),
      phone: typed('phone'),
      comment: typed('comment'),
      website: trap.control.value,
    }),
    ...addressOf(typed),
    display: display.value(),
    ...(boxes.length > 0 ? { opt_ins: boxes.map(({ answer }) => answer()) } : {}),
  });
  return { element, fields, read };
}

/** The text fields, from top to bottom. */
function typedFields({ form, confirmation }: Petition, { words, locale }: Language): Field[] {
  const { country, postal_code, postal_address: address, phone, comment } = form;
  const more: Rule = address === 'off' ? 'off' : 'optional';
  const hint = confirmation === 'email' ? words.email_hint_confirm : words.email_hint;
  const asked: Asked[] = [
    ['name', 'required', words.name_label, input('text', 'name', 200)],
    ['email', 'required', words.email_label, input('email', 'email', 254), { hint }],
    ['street', address, words.address_label, input('text', 'address-line1', 200), within('lines/0')],
    ['street-more', more, words.address_more_label, input('text', 'address-line2', 200), within('lines/1')],
    ['postal_code', postal_code, words.postal_code_label, input('text', 'postal-code', 16)],
    ['city', more, words.city_label, input('text', 'address-level2', 200), within('city')],
    ['region', more, words.region_label, input('text', 'address-level1', 200), within('region')],
    ['country', country, words.country_label, countrySelect(locale, words.country_choose)],
    ['phone', phone, words.phone_label, input('tel', 'tel', 32)],
    ['comment', comment, words.comment_label, commentBox(), { hint: words.comment_hint }],
  ];
  return asked
    .filter(([, rule]) => rule !== 'off')
    .map(([name, rule, label, control, options]) => {
      const optional = rule === 'required' ? null : words.optional;
      return makeField({ name, label, control, optional, pointer: `/${name}`, ...options });
    });
}

/** The pointer to a part of the postal address in the body. */
const within = (part: string) => ({ pointer: `/postal_address/${part}` });

const input = (type: string, autocomplete: string, maxlength: number): HTMLInputElement =>
  h('input', { type, autocomplete, maxlength, dir: type === 'text' ? 'auto' : 'ltr' });

function countrySelect(locale: string, choose: string): HTMLSelectElement {
  const select = h('select', { autocomplete: 'country' }, h('option', { value: '' }, choose));
  select.append(...countriesIn(locale).map(([code, name]) => h('option', { value: code }, name)));
  return select;
}

const commentBox = (): HTMLTextAreaElement => h('textarea', { rows: 3, maxlength: 2000, dir: 'auto' });

/** The values without the empty ones. */
const filled = <T extends Record<string, string | undefined>>(values: T): { [Key in keyof T]?: string } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value)) as { [Key in keyof T]?: string };

function addressOf(typed: Typed): Pick<SignatureInput, 'postal_address'> {
  const lines = [typed('street'), typed('street-more')].filter((line) => line !== undefined && line !== '');
  const rest = filled({ city: typed('city'), region: typed('region') });
  return lines.length === 0 && Object.keys(rest).length === 0
    ? {}
    : { postal_address: { lines: lines as string[], ...rest } };
}

function displayChoice(words: Language['words']) {
  const texts: Record<Display, string> = {
    public: words.display_public,
    initials: words.display_initials,
    anonymous: words.display_anonymous,
  };
  // Anonymous is preselected: a name must never be published because a signer overlooked the choice.
  const radios = DISPLAYS.map((value) =>
    h('input', { type: 'radio', name: 'display', value, checked: value === 'anonymous' }),
  );
  const choices = radios.map((radio) =>
    h('label', { class: 'choice' }, radio, h('span', {}, texts[radio.value as Display])),
  );
  const legend = h('legend', { part: 'label' }, words.display_legend);
  return {
    root: h('fieldset', { part: 'display' }, legend, ...choices),
    value: () => (radios.find(({ checked }) => checked)?.value ?? 'anonymous') as Display,
  };
}

/** The box must never be ticked beforehand: consent has to be given actively. */
function consentBox({ id, text, locale }: ConsentText) {
  const box = h('input', { type: 'checkbox', name: id });
  return {
    root: h(
      'label',
      { class: 'choice', part: 'consent' },
      box,
      h('span', { lang: locale, dir: 'auto' }, text),
    ),
    answer: () => ({ consent_text_id: id, opt_in: box.checked }),
  };
}

function consentGroup(boxes: readonly { root: HTMLElement }[], words: Language['words']): HTMLElement {
  const optional = h('span', { class: 'quiet' }, ` ${words.optional}`);
  const legend = h('legend', { part: 'label' }, words.consents_legend, optional);
  return h('fieldset', { part: 'consents' }, legend, ...boxes.map(({ root }) => root));
}

/** A field that people cannot see, hear or reach with Tab: any text in it was typed by a machine. */
function honeypot() {
  const control = h('input', { name: 'website', tabindex: -1, autocomplete: 'off' });
  return {
    control,
    root: h('div', { class: 'elsewhere', 'aria-hidden': 'true' }, h('label', {}, 'Website ', control)),
  };
}
