import { h } from './dom.js';

export type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** A field of the form. `pointer` is the JSON pointer of its value in the body. */
export type Field = {
  pointer: string;
  label: string;
  /** What gets the focus: of several, the first. */
  control: Control;
  root: HTMLElement;
  required: boolean;
  /** What was typed, chosen or ticked; empty: nothing. */
  value: () => string;
  /** Shows an error at the field, or removes it (null). */
  showError: (problem: string | null) => void;
};

export type FieldOptions = {
  name: string;
  pointer: string;
  label: string | HTMLElement;
  /** The note behind the label of an optional field; null: the field is required. */
  optional: string | null;
  hint?: string;
  control: Control;
};

/** The place for an error of a field, and what shows it. `about`: the control, or the group of controls. */
export function errorPlace(name: string, hintId: string, about: HTMLElement) {
  const id = `${name}-error`;
  const error = h('p', { id, class: 'error', part: 'error', dir: 'auto', hidden: true });
  const set = (attribute: string, value: string) =>
    value ? about.setAttribute(attribute, value) : about.removeAttribute(attribute);
  const showError = (problem: string | null) => {
    error.textContent = problem ?? '';
    error.hidden = problem === null;
    set('aria-invalid', problem === null ? '' : 'true');
    set('aria-describedby', [hintId, problem === null ? '' : id].filter(Boolean).join(' '));
  };
  showError(null);
  // The error disappears as soon as the person begins to correct the field.
  about.addEventListener('input', () => showError(null));
  return { error, showError };
}

/** The control with its label, its hint and a place for its error. */
export function makeField({ name, pointer, label, optional, hint, control }: FieldOptions): Field {
  const required = optional === null;
  const hintId = hint === undefined ? '' : `${name}-hint`;
  control.id = name;
  control.setAttribute('part', 'input');
  control.name = name;
  control.required = required;
  const { error, showError } = errorPlace(name, hintId, control);
  const root = h(
    'div',
    { class: 'field', part: 'field' },
    h(
      'label',
      { for: name, part: 'label' },
      label,
      optional !== null && h('span', { class: 'quiet' }, ` ${optional}`),
    ),
    control,
    hint !== undefined && h('p', { id: hintId, class: 'hint', part: 'hint' }, hint),
    error,
  );
  const said = typeof label === 'string' ? label : label.textContent;
  return { pointer, label: said, control, root, required, value: () => control.value.trim(), showError };
}

/** The field for the pointer of an error: the same pointer, else one below it, else one above it. */
export const fieldAt = (fields: readonly Field[], pointer: string): Field | undefined =>
  fields.find((field) => field.pointer === pointer) ??
  fields.find((field) => field.pointer.startsWith(`${pointer}/`)) ??
  fields.find((field) => pointer.startsWith(`${field.pointer}/`));
