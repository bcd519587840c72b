import type { Failure } from './api.js';
import { focusOn, h } from './dom.js';
import { fieldAt, type Field } from './fields.js';
import { say, type Language } from './language.js';

const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

/** The errors of the form, in the reader's language: a list above it, and one at each field. */
export class FormErrors {
  /** It must be in the page before it has content: only then do screen readers announce it. */
  readonly element = h('div', { role: 'alert', class: 'alert', part: 'alert' });
  readonly #fields: readonly Field[];
  readonly #language: Language;

  constructor(fields: readonly Field[], language: Language) {
    this.#fields = fields;
    this.#language = language;
  }

  clear(): void {
    this.element.replaceChildren();
    for (const field of this.#fields) field.showError(null);
  }

  /** Checks required fields and the address; shows errors and returns false if any is invalid. */
  validate(): boolean {
    const { words } = this.#language;
    const wrong = new Map<Field, string>();
    for (const field of this.#fields) {
      const value = field.value();
      if (field.required && value === '') wrong.set(field, this.#missing(field));
      else if (field.pointer === '/email' && !EMAIL.test(value)) wrong.set(field, words.email_invalid);
    }
    if (wrong.size === 0) return true;
    this.#show(wrong);
    return false;
  }

  /** Shows why the server refused the signature. */
  explain(failure: Failure): void {
    const wrong = new Map<Field, string>();
    for (const { pointer, code } of failure.errors) {
      const field = fieldAt(this.#fields, pointer);
      if (field && !wrong.has(field)) wrong.set(field, this.#wordsFor(field, code));
    }
    if (wrong.size > 0) this.#show(wrong);
    else this.#say(reasonOf(failure, this.#language));
  }

  #show(wrong: ReadonlyMap<Field, string>): void {
    // In the order of the form, not of the answer.
    const inOrder = this.#fields.filter((field) => wrong.has(field));
    for (const field of inOrder) field.showError(wrong.get(field) ?? null);
    const items = inOrder.map((field) => {
      const { label } = field;
      return h('li', {}, `${label}${/[.?!:؟]$/.test(label) ? '' : ':'} ${wrong.get(field) ?? ''}`);
    });
    this.element.replaceChildren(
      h('p', {}, h('strong', {}, this.#language.words.errors_heading)),
      h('ul', {}, ...items),
    );
    // Backwards: all that is folded opens, and the focus ends on the first.
    for (const { control } of inOrder.reverse()) focusOn(control);
  }

  #say(text: string): void {
    this.element.replaceChildren(h('p', {}, text));
    focusOn(this.element);
  }

  #missing({ control }: Field): string {
    const { words } = this.#language;
    return control.type === 'checkbox' ? words.tick_required : words.required;
  }

  #wordsFor(field: Field, code: string): string {
    const { words } = this.#language;
    const { pointer } = field;
    if (['required', 'min_length', 'min_items'].includes(code)) return this.#missing(field);
    if (code === 'max_length') return words.too_long;
    if (pointer === '/email') return words.email_invalid;
    return pointer === '/phone' ? words.phone_invalid : words.invalid;
  }
}

/** Why the server refused, as a sentence. */
export function reasonOf({ code, retryAfter, opensAt, said }: Failure, language: Language): string {
  const { words, date } = language;
  const REASONS: Record<string, string> = {
    offline: words.offline,
    petition_closed: words.closed,
    petition_not_open: opensAt === null ? words.not_open : say(words.not_open_until, { date: date(opensAt) }),
    challenge_required: words.robot_check_failed,
    challenge_invalid: words.robot_check_failed,
  };
  const reason = REASONS[code];
  if (reason) return reason;
  if (retryAfter === null) return words.failed;
  const why = { rate_limited: words.rate_limited, paused: said ?? words.paused }[code] ?? words.busy;
  return `${why} ${when(retryAfter, language)}`;
}

// At least two: the texts have no singular.
const when = (seconds: number, { words, number }: Language): string =>
  seconds <= 90
    ? say(words.try_in_seconds, { seconds: number(Math.max(2, seconds)) })
    : say(words.try_in_minutes, { minutes: number(Math.max(2, Math.ceil(seconds / 60))) });
