import { h } from './dom.js';

export type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** A field of the form. `pointer` is the JSON pointer of its value in the body. */
export type Field = {
  pointer: string;
  label: string;
  control: Control;
  root: HTMLElement;
  required: boolean;
  /** Shows an error at the field, or removes it (null). */
  showError: (problem: string | null) => void;
};

export type FieldOptions = {
  name: string;
  pointer: string;
  label: string;
  /** The note behind the label of an optional field; null: the field is required. */
  optional: string | null;
  hint?: string;
  control: Control;
};

/** The control with its label, its hint and a place for its error. */
export function makeField({ name, pointer, label, optional, hint, control }: FieldOptions): Field {
  const required = optional === null;
  const hintId = hint === undefined ? '' : `${name}-hint`;
  const errorId = `${name}-error`;
  const error = h('p', { id: errorId, class: 'error', part: 'error', dir: 'auto', hidden: true });
  control.id = name;
  control.setAttribute('part', 'input');
  control.name = name;
  control.required = required;
  const describe = (...ids: string[]) => {
    const all = ids.filter(Boolean).join(' ');
    if (all === '') control.removeAttribute('aria-describedby');
    else control.setAttribute('aria-describedby', all);
  };
  describe(hintId);
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
  const showError = (problem: string | null) => {
    error.textContent = problem ?? '';
    error.hidden = problem === null;
    if (problem === null) control.removeAttribute('aria-invalid');
    else control.setAttribute('aria-invalid', 'true');
    describe(hintId, problem === null ? '' : errorId);
  };
  // The error disappears as soon as the person begins to correct the field.
  control.addEventListener('input', () => showError(null));
  return { pointer, label, control, root, required, showError };
}

/** The field for the pointer of an error: the same pointer, else one below it, else one above it. */
export const fieldAt = (fields: readonly Field[], pointer: string): Field | undefined =>
  fields.find((field) => field.pointer === pointer) ??
  fields.find((field) => field.pointer.startsWith(`${pointer}/`)) ??
  fields.find((field) => pointer.startsWith(`${field.pointer}/`));
