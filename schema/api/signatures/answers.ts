import { Type } from '@sinclair/typebox';
import { FIELD_NAME_PATTERN, MOST_ANSWER } from '../petitions/form-fields.js';
import { component, SOMETHING } from '../typebox.js';

/* Answers to the fields that a petition has of its own. */

const named = Type.String({ pattern: FIELD_NAME_PATTERN });

/** More than a petition asks for: answers to former fields stay. */
const MOST_ANSWERS = 50;

export const ANSWERS_EXAMPLE = { shirt_size: 'm', over_16: true };

export const AnswersInput = component(
  'AnswersInput',
  Type.Record(
    named,
    Type.Unsafe<string | boolean | null>({
      type: ['string', 'boolean', 'null'],
      minLength: 1,
      maxLength: MOST_ANSWER,
      pattern: SOMETHING,
      typed: 'line',
      visible: true,
      description: 'A text, the `value` of a choice, or whether a checkbox is ticked; null: no answer.',
    }),
    {
      maxProperties: MOST_ANSWERS,
      additionalProperties: false,
      description: 'Answers to the petition’s own fields (`form_fields`), by their names.',
      examples: [ANSWERS_EXAMPLE],
    },
  ),
);

export const Answers = component(
  'Answers',
  Type.Record(
    named,
    Type.Unsafe<string | boolean>({
      type: ['string', 'boolean'],
      maxLength: MOST_ANSWER,
      pattern: '^[^\\u0000]*$',
      description: 'A text, the `value` of a choice, or whether a checkbox is ticked.',
    }),
    {
      maxProperties: MOST_ANSWERS,
      description: 'Answers to the petition’s own fields, by their names; also to fields that were removed.',
      examples: [ANSWERS_EXAMPLE],
    },
  ),
);
