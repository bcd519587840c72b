import type { ConsentText, Petition, SignatureInput } from './api.js';
import { countriesIn } from './countries.js';
import { h } from './dom.js';
import { makeField, type Control, type Field } from './fields.js';
import type { Language } from './words.js';

type Rule = Petition['form'][keyof Petition['form']];
type Display = NonNullable<SignatureInput['display']>;

/** What the petition asks its signers. */
export type Questions = {
  element: HTMLElement;
  fields: Field[];
  /** What was typed, as the API takes it. */
  read: () => SignatureInput;
};

const DISPLAYS: Display[] = ['public', 'initials', 'anonymous'];

export function makeQuestions(petition: Petition, consents: ConsentText[], language: Language): Questions {
  const { words, locale } = language;
  const fields: Field[] = [];
  const add = (
    name: string,
    rule: Rule,
    label: string,
    control: Control,
    more: { hint?: string; pointer?: string } = {},
  ): HTMLElement | null => {
    if (rule === 'off') return null;
    const optional = rule === 'required' ? null : words.optional;
    const field = makeField({ name, label, control, optional, pointer: `/${name}`, ...more });
    fields.push(field);
    return field.root;
  };
  const { country, postal_code, postal_address, phone, comment } = petition.form;
  const more: Rule = postal_address === 'off' ? 'off' : 'optional';
  const hint = petition.confirmation === 'email' ? words.email_hint_confirm : words.email_hint;
  const element = h(
    'div',
    { class: 'fields' },
    add('name', 'required', words.name_label, input('text', 'name', 200)),
    add('email', 'required', words.email_label, input('email', 'email', 254), { hint }),
    add('street', postal_address, words.address_label, input('text', 'address-line1', 200), {
      pointer: '/postal_address/lines/0',
    }),
    add('street-more', more, words.address_more_label, input('text', 'address-line2', 200), {
      pointer: '/postal_address/lines/1',
    }),
    add('postal_code', postal_code, words.postal_code_label, input('text', 'postal-code', 16)),
    add('city', more, words.city_label, input('text', 'address-level2', 200), {
      pointer: '/postal_address/city',
    }),
    add('region', more, words.region_label, input('text', 'address-level1', 200), {
      pointer: '/postal_address/region',
    }),
    add('country', country, words.country_label, countrySelect(locale, words.country_choose)),
    add('phone', phone, words.phone_label, input('tel', 'tel', 32)),
    add('comment', comment, words.comment_label, h('textarea', { rows: 3, maxlength: 2000, dir: 'auto' }), {
      hint: words.comment_hint,
    }),
  );
  const display = displayChoice(words);
  const boxes = consents.slice(0, 10).map(consentBox);
  const trap = honeypot();
  element.append(display.root, trap.root);
  if (boxes.length > 0) {
    const asks = boxes.map(({ root }) => root);
    element.append(
      h(
        'fieldset',
        { part: 'consents' },
        h(
          'legend',
          { part: 'label' },
          words.consents_legend,
          h('span', { class: 'quiet' }, ` ${words.optional}`),
        ),
        ...asks,
      ),
    );
  }
  const typed = (name: string) => fields.find(({ control }) => control.name === name)?.control.value.trim();
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

const input = (type: string, autocomplete: string, maxlength: number): HTMLInputElement =>
  h('input', { type, autocomplete, maxlength, dir: type === 'text' ? 'auto' : 'ltr' });

function countrySelect(locale: string, choose: string): HTMLSelectElement {
  const select = h('select', { autocomplete: 'country' }, h('option', { value: '' }, choose));
  select.append(...countriesIn(locale).map(([code, name]) => h('option', { value: code }, name)));
  return select;
}

/** Without those that were left empty. */
const filled = <T extends Record<string, string | undefined>>(values: T): { [Key in keyof T]?: string } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value)) as { [Key in keyof T]?: string };

function addressOf(typed: (name: string) => string | undefined): Pick<SignatureInput, 'postal_address'> {
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
  // Nobody's name is published because they overlooked something.
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

/** Never ticked beforehand: agreeing is something that people do. */
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

/** People neither see nor hear of it, and Tab passes it by: what is in it a machine has typed. */
function honeypot() {
  const control = h('input', { name: 'website', tabindex: -1, autocomplete: 'off' });
  return {
    control,
    root: h('div', { class: 'elsewhere', 'aria-hidden': 'true' }, h('label', {}, 'Website ', control)),
  };
}
