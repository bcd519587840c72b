import type { OwnField } from '../../../schema/db/tables/petitions.js';
import type { Answers } from '../../../schema/db/tables/signatures.js';
import type { FieldError } from '../../errors.js';

/* Answers to the fields that a petition has of its own: what fits them, and what is stored. */

/** As they are sent: null is no answer. */
export type AnswersInput = Record<string, string | boolean | null>;

/** The answers to store; null: none. */
export function keptAnswers(input: AnswersInput | null | undefined): Answers | null {
  if (input == null) return null;
  const given = Object.entries(input).filter(([, answer]) => answer !== null) as [string, string | boolean][];
  return given.length > 0 ? Object.fromEntries(given) : null;
}

/** One answer; undefined: none. */
export const answerTo = (answers: AnswersInput | null | undefined, name: string) =>
  answers != null && Object.hasOwn(answers, name) ? (answers[name] ?? undefined) : undefined;

/** What of the answers does not fit the petition's fields. */
export function answerErrors(
  fields: readonly OwnField[],
  input: AnswersInput | null | undefined,
): FieldError[] {
  if (fields.length === 0 && input == null) return [];
  const errors: FieldError[] = [];
  for (const field of fields) {
    if (field.former) continue;
    const error = answerError(field, answerTo(input, field.name));
    if (error) errors.push({ pointer: pointerTo(field.name), ...error });
  }
  for (const name of Object.keys(input ?? {})) {
    if (fields.some((field) => field.name === name && !field.former)) continue;
    const detail = 'This petition does not ask for it: leave it out.';
    errors.push({ pointer: pointerTo(name), code: 'not_asked', detail });
  }
  return errors;
}

/** What of a change of answers does not fit. Answers to former fields can be removed, but not changed. */
export const changedErrors = (fields: readonly OwnField[], changes: AnswersInput): FieldError[] =>
  answerErrors(
    fields.filter(({ name, former }) => Object.hasOwn(changes, name) && !former),
    Object.fromEntries(
      Object.entries(changes).filter(
        ([name, answer]) => answer !== null || !fields.some((field) => field.name === name && field.former),
      ),
    ),
  );

/** The names hold no character that a pointer escapes. */
export const pointerTo = (name: string): string => `/answers/${name}`;

/** The column of a file with the answers to a field. */
export const answerColumn = <Name extends string>(name: Name) => `answers.${name}` as const;

type AnswerError = Omit<FieldError, 'pointer'>;

/** Why an answer does not fit its field; undefined: it does. */
export function answerError(
  { kind, required, choices, max_length: most }: OwnField,
  answer: string | boolean | undefined,
): AnswerError | undefined {
  if (answer === undefined) {
    return required ? { code: 'required', detail: 'This petition needs it: send it.' } : undefined;
  }
  if (kind === 'checkbox') {
    if (typeof answer !== 'boolean') return { code: 'type', detail: 'It must be true or false.' };
    if (required && !answer) return { code: 'required', detail: 'This petition needs it: it must be true.' };
    return undefined;
  }
  if (typeof answer !== 'string') return { code: 'type', detail: 'It must be a text.' };
  if (kind === 'choice' && !choices.some(({ value }) => value === answer)) {
    return { code: 'enum', detail: oneOf(choices.map(({ value }) => value)) };
  }
  if (most !== null && answer.length > most && [...answer].length > most) {
    return { code: 'max_length', detail: `It must have at most ${most} characters.` };
  }
  return undefined;
}

const MOST_NAMED = 10;

const oneOf = (values: readonly string[]): string =>
  values.length <= MOST_NAMED
    ? `It must be one of: ${values.join(', ')}.`
    : `It must be one of ${values.length} choices, such as ${values.slice(0, MOST_NAMED).join(', ')}.`;

const YES = /^(?:true|yes|y|1|x|ja|oui|s[ií]|tak|wahr)$/i;
const NO = /^(?:false|no|n|0|nein|non|nee|nie|falsch|unconfirmed|unbestätigt)$/i;

/** A word for yes or no in a file; undefined: it is neither. */
export function yesOrNo(text: string): boolean | undefined {
  const word = text.trim();
  return YES.test(word) ? true : NO.test(word) ? false : undefined;
}

const folded = (text: string): string => text.normalize('NFKC').toLowerCase();

/** An answer of a file as its field wants it, where that is plain: words for yes and no, and labels of choices. */
function readAnswer({ kind, choices }: OwnField, answer: string | boolean): string | boolean {
  if (typeof answer === 'boolean' || kind === 'text') return answer;
  if (kind === 'checkbox') return yesOrNo(answer) ?? answer;
  if (choices.some(({ value }) => value === answer)) return answer;
  const meant = choices.find(({ value, label, labels }) =>
    [value, label, ...Object.values(labels)].some((word) => folded(word) === folded(answer)),
  );
  return meant?.value ?? answer;
}

/** The answers of a file that fit the petition's fields, and why others are left out. */
export function readAnswers(
  fields: readonly OwnField[],
  input: AnswersInput | null | undefined,
): { answers: Answers | null; warnings: FieldError[] } {
  const read: AnswersInput = { ...input };
  for (const field of fields) {
    const answer = answerTo(read, field.name);
    if (answer !== undefined) read[field.name] = readAnswer(field, answer);
  }
  const warnings = answerErrors(fields, read);
  // A box that had to be ticked and was not stays as it was answered.
  for (const { pointer, code } of warnings) {
    if (code !== 'required') delete read[pointer.slice(pointerTo('').length)];
  }
  return { answers: keptAnswers(read), warnings };
}
