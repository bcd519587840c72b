import { askedFields, labelIn } from '../../core/petitions/own-fields.js';
import type { MySignature } from '../../core/my-data/my-signatures.js';
import { answerColumn, answerTo, type AnswersInput } from '../../core/signatures/answers.js';
import { check, choice, field, html, type Html } from '../html.js';
import type { Fields } from './setup.js';
import type { Visit } from './visit.js';

/* The answers to a petition's own fields in "my data". */

/** The controls. An answer that is required can be changed but not removed; one that is missing is not demanded. */
export function answerControls({ locale, words }: Visit, { signature, petition }: MySignature): Html[] {
  return petition.formFields.flatMap((own) => {
    const answer = answerTo(signature.answers, own.name);
    const label = labelIn(locale, own);
    if (own.former) return answer === undefined ? [] : html`<p>${label}: ${shown(answer)}</p>`;
    const name = answerColumn(own.name);
    const required = own.required && answer !== undefined;
    const text = typeof answer === 'string' ? answer : '';
    switch (own.kind) {
      case 'checkbox':
        return check(name, label, answer === true, required);
      case 'choice': {
        const options = own.choices.map((one): [string, string] => [one.value, labelIn(locale, one)]);
        // What is not offered any more stays chosen.
        if (text !== '' && !own.choices.some(({ value }) => value === text)) options.push([text, text]);
        return choice(name, label, [['', words.common.choose], ...options], text, { required });
      }
      case 'text':
        return field({ name, label, value: text, required, maxLength: own.max_length ?? text.length });
    }
  });
}

const shown = (answer: string | boolean): string =>
  typeof answer === 'string' ? answer : answer ? '✓' : '✗';

/** What a form with these controls changes; undefined: nothing. An unticked box was not sent. */
export function answerChanges(
  { signature, petition }: MySignature,
  fields: Fields,
): AnswersInput | undefined {
  const changes: AnswersInput = {};
  for (const { name, kind } of askedFields(petition.formFields)) {
    const sent = fields[answerColumn(name)];
    const before = answerTo(signature.answers, name);
    const after = kind === 'checkbox' ? sent === '1' : sent || null;
    if (after !== (before ?? (kind === 'checkbox' ? false : null))) changes[name] = after;
  }
  return Object.keys(changes).length > 0 ? changes : undefined;
}
