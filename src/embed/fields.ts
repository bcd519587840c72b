import { h } from './dom.js';

export type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** One thing to fill in: `pointer` says where it stands in the body that is sent. */
export type Field = {
  pointer: string;
  label: string;
  control: Control;
  root: HTMLElement;
  required: boolean;
  /** Says what is wrong with it; null: nothing is. */
  complain: (problem: string | null) => void;
};

export type FieldOptions = {
  name: string;
  pointer: string;
  label: string;
  /** Stands behind the label of what may stay empty. */
  optional: string | null;
  hint?: string;
  control: Control;
};

/** The control with its label, its hint and a place for what is wrong with it. */
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
  const complain = (problem: string | null) => {
    error.textContent = problem ?? '';
    error.hidden = problem === null;
    if (problem === null) control.removeAttribute('aria-invalid');
    else control.setAttribute('aria-invalid', 'true');
    describe(hintId, problem === null ? '' : errorId);
  };
  // Whoever corrects it need not look at the complaint until they are done.
  control.addEventListener('input', () => complain(null));
  return { pointer, label, control, root, required, complain };
}

/** The field that a problem is about: the one that it points at, or that lies within, or around. */
export const fieldAt = (fields: readonly Field[], pointer: string): Field | undefined =>
  fields.find((field) => field.pointer === pointer) ??
  fields.find((field) => field.pointer.startsWith(`${pointer}/`)) ??
  fields.find((field) => pointer.startsWith(`${field.pointer}/`));
