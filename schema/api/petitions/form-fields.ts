import { Type, type Static } from '@sinclair/typebox';
import { OWN_FIELD_KINDS } from '../../db/tables/petitions.js';
import { LOCALE_PATTERN } from '../common.js';
import {
  closed,
  component,
  enumOf,
  int,
  line,
  list,
  matching,
  nullable,
  open,
  optional,
  ref,
} from '../typebox.js';

/* The fields that a petition asks for besides those of its `form`. */

export const MOST_OWN_FIELDS = 10;
export const MOST_ANSWER = 500;

/** Names of columns, too, so without dots and capitals. */
export const FIELD_NAME_PATTERN = '^[a-z][a-z0-9_]{0,39}$';

const fieldName = () =>
  matching(FIELD_NAME_PATTERN, 40, {
    rule: 'Write small letters, digits and underscores, like shirt_size.',
    description:
      'Its name in `answers` and in exports, unique in the petition. Names of our own fields and columns are taken.',
    examples: ['shirt_size'],
  });
const label = (what: string) => line(200, { description: `${what}, in the language of the petition.` });
const labels = () =>
  Type.Record(Type.String({ pattern: LOCALE_PATTERN }), line(200), {
    maxProperties: 50,
    additionalProperties: false,
    description: 'The same in other languages, by their BCP 47 tags. `de` serves readers of `de-AT`, too.',
    examples: [{ de: 'Größe des T-Shirts' }],
  });
const kind = () =>
  enumOf(OWN_FIELD_KINDS, {
    description: '`text`: one line; `choice`: one of `choices`; `checkbox`: true or false.',
  });
const required = () =>
  Type.Boolean({
    description: 'Whether signers must answer it. A checkbox must be ticked, like “I am over 16”.',
  });
const maxLength = () =>
  int(1, MOST_ANSWER, { description: 'The most characters of a `text`; null for other kinds.' });
const choiceValue = () =>
  line(50, { description: 'What `answers` and exports hold, unique in the field.', examples: ['m'] });

const CHOICE_EXAMPLES = [
  { value: 's', label: 'Small', labels: { de: 'Klein' } },
  { value: 'm', label: 'Medium', labels: { de: 'Mittel' } },
];

export const PetitionFieldChoice = component(
  'PetitionFieldChoice',
  open(
    { value: choiceValue(), label: label('What signers choose'), labels: labels() },
    { description: 'One of the answers to choose from.', examples: [CHOICE_EXAMPLES[0]] },
  ),
);

export const PetitionFieldChoiceInput = component(
  'PetitionFieldChoiceInput',
  closed(
    { value: choiceValue(), label: label('What signers choose'), labels: optional(labels()) },
    { description: 'One of the answers to choose from.', examples: [{ value: 'm', label: 'Medium' }] },
  ),
);

export const FIELD_EXAMPLE = {
  name: 'shirt_size',
  label: 'T-shirt size',
  labels: { de: 'Größe des T-Shirts' },
  kind: 'choice' as const,
  required: false,
  choices: CHOICE_EXAMPLES,
  max_length: null,
};

export const PetitionField = component(
  'PetitionField',
  open(
    {
      name: fieldName(),
      label: label('What signers read'),
      labels: labels(),
      kind: kind(),
      required: required(),
      choices: list(ref(PetitionFieldChoice), 50, {
        description: 'What there is to choose from, in the order to show; empty for other kinds.',
      }),
      max_length: nullable(maxLength()),
    },
    { description: 'A field of the petition’s own.', examples: [FIELD_EXAMPLE] },
  ),
);
export type PetitionField = Static<typeof PetitionField>;

export const PetitionFieldInput = component(
  'PetitionFieldInput',
  closed(
    {
      name: fieldName(),
      label: label('What signers read'),
      labels: optional(labels()),
      kind: kind(),
      required: optional(required()),
      choices: optional(
        list(ref(PetitionFieldChoiceInput), 50, {
          description: 'For a `choice`, 2 to 50: what there is to choose from, in the order to show.',
        }),
      ),
      max_length: optional(nullable(maxLength())),
    },
    {
      description: `A field of the petition’s own. Absent members: no \`labels\`, not \`required\`, a \`max_length\` of ${MOST_ANSWER}.`,
      examples: [
        { name: 'over_16', label: 'I am over 16.', kind: 'checkbox', required: true },
        {
          name: 'shirt_size',
          label: 'T-shirt size',
          kind: 'choice',
          choices: [
            { value: 's', label: 'Small' },
            { value: 'm', label: 'Medium' },
          ],
        },
      ],
    },
  ),
);
