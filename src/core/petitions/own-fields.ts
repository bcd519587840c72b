import { IMPORT_FIELDS } from '../../../schema/db/tables/signatures.js';
import type { OwnChoice, OwnField } from '../../../schema/db/tables/petitions.js';
import type { FieldError } from '../../errors.js';

/* The fields that a petition has of its own, besides those of `form`. */

export type OwnFieldInput = Pick<OwnField, 'name' | 'label' | 'kind'> &
  Partial<Omit<OwnField, 'choices'>> & {
    choices?: (Pick<OwnChoice, 'value' | 'label'> & Partial<OwnChoice>)[];
  };

const LONGEST_TEXT = 500;

/** The field with all of its members. */
export const completeField = ({ former, ...field }: OwnFieldInput): OwnField => ({
  name: field.name,
  label: field.label,
  labels: field.labels ?? {},
  kind: field.kind,
  required: field.required ?? false,
  choices: (field.choices ?? []).map(({ value, label, labels = {} }) => ({ value, label, labels })),
  max_length: field.max_length ?? (field.kind === 'text' ? LONGEST_TEXT : null),
  ...(former ? { former } : {}),
});

/** The fields that signers are asked for. */
export const askedFields = (fields: readonly OwnField[]): OwnField[] =>
  fields.filter(({ former }) => !former);

/** The new fields, and behind them those that were asked before: there may be answers to them. */
export const withFormer = (fields: readonly OwnField[], before: readonly OwnField[]): OwnField[] => {
  const asked = askedFields(fields);
  const names = new Set(asked.map(({ name }) => name));
  const former = before.filter(({ name }) => !names.has(name));
  return [...asked, ...former.map((field) => ({ ...field, former: true as const }))];
};

/** In the reader's language, else in the language of the petition. */
export const labelIn = (locale: string, { label, labels }: Pick<OwnField, 'label' | 'labels'>): string =>
  labels[locale] ?? labels[locale.split('-')[0] ?? ''] ?? label;

/** Names that columns of an export or an import have, or that could be taken for them. */
const RESERVED = new Set<string>([
  ...IMPORT_FIELDS,
  ...'id petition_id supporter_id collector_id mailing_id shown withdrawn_at answers utm postal_address'.split(
    ' ',
  ),
  ...'phone_e164 suspicion suspicion_score suspicion_signals constructor'.split(' '),
]);

/** Each is a column of the exports. */
const MOST_EVER = 50;

/** The errors that a schema cannot find. */
export function checkOwnFields(fields: readonly OwnField[]): FieldError[] {
  const names = fields.map(({ name }) => name);
  const errors = fields.flatMap((field, i) => {
    const at = `/form_fields/${i}`;
    if (field.former) return [];
    if (names.indexOf(field.name) !== i) {
      return [{ pointer: `${at}/name`, code: 'not_unique', detail: 'A field before it has this name.' }];
    }
    if (RESERVED.has(field.name)) {
      const detail = 'A field or column of ours has this name: choose another.';
      return [{ pointer: `${at}/name`, code: 'reserved', detail }];
    }
    return checkKind(field, at);
  });
  if (fields.length <= MOST_EVER) return errors;
  const detail = `It has had ${MOST_EVER} fields of its own: no more can be added, since answers to all of them are kept.`;
  return [...errors, { pointer: '/form_fields', code: 'too_many', detail }];
}

function checkKind({ kind, choices, max_length }: OwnField, at: string): FieldError[] {
  const error = (member: string, code: string, detail: string) => [
    { pointer: `${at}/${member}`, code, detail },
  ];
  if (kind !== 'text' && max_length !== null) {
    return error('max_length', 'not_a_text', 'Only a text has one.');
  }
  if (kind !== 'choice') {
    return choices.length > 0 ? error('choices', 'not_a_choice', 'Only a choice has them.') : [];
  }
  if (choices.length < 2) return error('choices', 'min_items', 'It must have at least 2 items.');
  const values = choices.map(({ value }) => value);
  const twice = values.findIndex((value, i) => values.indexOf(value) !== i);
  return twice < 0 ? [] : error(`choices/${twice}/value`, 'not_unique', 'A choice before it has this value.');
}
