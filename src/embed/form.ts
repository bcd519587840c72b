import type { ConsentText, Petition, SignatureInput } from './api.js';
import { makeConsents } from './consents.js';
import { countriesIn } from './countries.js';
import { button, h } from './dom.js';
import { makeField, type Control, type Field, type FieldOptions } from './fields.js';
import { makeOwnFields } from './own-fields.js';
import { say, type Language } from './language.js';
import { suggestionFor } from './typos.js';

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

const DISPLAYS: Display[] = ['public', 'initials', 'anonymous'];

export function makeQuestions(petition: Petition, consents: ConsentText[], language: Language): Questions {
  const { words } = language;
  const fields = typedFields(petition, language);
  const own = makeOwnFields(petition, language);
  const display = displayChoice(words);
  const optIns = makeConsents(consents, language);
  const trap = honeypot();
  const element = h(
    'div',
    { class: 'fields' },
    ...arranged(fields, petition, words),
    ...own.fields.map(({ root }) => root),
    display.root,
    trap.root,
    optIns.root,
  );
  const typed: Typed = (name) => fields.find(({ control }) => control.name === name)?.value();
  const read = (): SignatureInput => {
    const opt_ins = optIns.answers();
    return {
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
      ...(own.fields.length > 0 ? { answers: own.read() } : {}),
      display: display.value(),
      ...(opt_ins.length > 0 ? { opt_ins } : {}),
    };
  };
  return { element, fields: [...fields, ...own.fields], read };
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
      const field = makeField({ name, label, control, optional, pointer: `/${name}`, ...options });
      if (name === 'email') suggestDomain(field, words);
      return field;
    });
}

/** Offers a button below the address that mends a mistyped domain. */
function suggestDomain({ control, root }: Field, words: Language['words']): void {
  const offer = h('div', { role: 'status' });
  control.addEventListener('input', () => offer.replaceChildren());
  control.addEventListener('change', () => {
    const meant = suggestionFor(control.value);
    if (meant === undefined) return offer.replaceChildren();
    const mend = () => {
      control.value = meant;
      offer.replaceChildren();
      control.focus();
    };
    const text = h('bdi', {}, say(words.email_suggestion, { email: meant }));
    offer.replaceChildren(button(text, mend, { class: 'link', part: 'suggestion' }));
  });
  root.append(offer);
}

/** Parts of a postal address that are behind a button, unless the petition requires an address. */
const ADDRESS = ['street', 'street-more', 'postal_code', 'city', 'region', 'country'];

/** The fields as they are shown: a postal address that nobody has to give must not make the form long. */
function arranged(fields: readonly Field[], { form }: Petition, words: Language['words']): HTMLElement[] {
  const folds =
    form.postal_address === 'required'
      ? ['street-more', 'region']
      : form.postal_address === 'optional'
        ? ADDRESS
        : [];
  const isFolded = ({ control, required }: Field) => !required && folds.includes(control.name);
  const shown = fields.filter((field) => !isFolded(field)).map(({ root }) => root);
  const folded = fields.filter(isFolded).map(({ root }) => root);
  if (folded.length === 0) return shown;
  const label = form.postal_address === 'required' ? words.address_more_label : words.address_button;
  const more = h(
    'details',
    { class: 'wide', part: 'more-fields' },
    h('summary', { part: 'summary' }, label, h('span', { class: 'quiet' }, ` ${words.optional}`)),
    h('div', { class: 'fields' }, ...folded),
  );
  // Before phone and comment.
  const place = shown.findIndex((root) => root.querySelector('[name="phone"],[name="comment"]'));
  shown.splice(place < 0 ? shown.length : place, 0, more);
  return shown;
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
  const lines = [typed('street'), typed('street-more')].filter(Boolean);
  const rest = filled({ city: typed('city'), region: typed('region') });
  return lines.length === 0 && Object.keys(rest).length === 0
    ? {}
    : { postal_address: { lines: lines as string[], ...rest } };
}

function displayChoice(words: Language['words']) {
  // Anonymous is preselected: a name must never be published because a signer overlooked the choice.
  const radios = DISPLAYS.map((value) =>
    h('input', { type: 'radio', name: 'display', value, checked: value === 'anonymous' }),
  );
  const choices = radios.map((radio) =>
    h('label', { class: 'choice' }, radio, h('span', {}, words[`display_${radio.value as Display}`])),
  );
  const legend = h('legend', { part: 'label' }, words.display_legend);
  return {
    root: h('fieldset', { part: 'display' }, legend, ...choices),
    value: () => (radios.find(({ checked }) => checked)?.value ?? 'anonymous') as Display,
  };
}

/** A field that people cannot see, hear or reach with Tab: any text in it was typed by a machine. */
function honeypot() {
  const control = h('input', { name: 'website', tabindex: -1, autocomplete: 'off' });
  return {
    control,
    root: h('div', { class: 'elsewhere', 'aria-hidden': 'true' }, h('label', {}, 'Website ', control)),
  };
}
