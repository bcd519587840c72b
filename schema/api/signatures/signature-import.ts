import { Type, type Static } from '@sinclair/typebox';
import { DISPLAYS, IGNORED_COLUMNS, SIGNATURE_STATUSES } from '../../db/tables/signatures.js';
import { exampleId, externalId, id, ownPetition, typedCountry } from '../common.js';
import {
  closed,
  component,
  enumOf,
  instant,
  int,
  line,
  list,
  matching,
  nullable,
  nullableRef,
  open,
  optional,
  ref,
} from '../typebox.js';
import { AnswersInput } from './answers.js';
import { importReading } from './import-reading.js';
import { PostalAddress, Utm, comment, email, phone, postalCode, source } from './signing.js';
import { NAME_EXAMPLE, nameOrParts } from '../supporters/names.js';

/* Imports of signatures: streamed files with up to millions of lines. */

const MAX = 2_147_483_647;
export const MAX_PROBLEMS = 1000;

export const SignatureImportQuery = closed({
  petition: ownPetition(),
  source: optional(
    line(100, {
      description: 'How they were collected, for lines without their own `source`.',
      examples: ['street-stall-ewehaven'],
    }),
  ),
  ...importReading,
  time_zone: optional(
    matching('^[A-Za-z0-9_+/-]+$', 50, {
      rule: 'Write a time zone of IANA, like Europe/Berlin.',
      description: 'The time zone of dates in the file that name none, as IANA calls it; UTC if absent.',
      examples: ['Europe/Berlin'],
    }),
  ),
});

const LINE_EXAMPLE = {
  email: 'ada@example.org',
  ...NAME_EXAMPLE,
  country: 'NL',
  display: 'initials',
  source: 'street-stall-ewehaven',
  external_id: 'sheet-12-row-7',
  created_at: '2026-11-21T14:05:00.000Z',
};

export const SignatureImportLine = component(
  'SignatureImportLine',
  closed(
    {
      email: email(),
      ...nameOrParts,
      country: optional(nullable(typedCountry())),
      postal_code: optional(nullable(postalCode())),
      postal_address: optional(nullableRef(PostalAddress)),
      phone: optional(nullable(phone())),
      comment: optional(nullable(comment())),
      answers: optional(nullableRef(AnswersInput)),
      display: optional(
        nullable(
          enumOf(DISPLAYS, { description: 'How the public list shows the signer; `anonymous` if absent.' }),
        ),
      ),
      hidden: optional(
        nullable(
          Type.Boolean({ description: 'Whether the signer does not want to be in the public list at all.' }),
        ),
      ),
      source: optional(nullable(source())),
      utm: optional(nullableRef(Utm)),
      external_id: optional(nullable(externalId('signature'))),
      created_at: optional(nullable(instant({ description: 'When it was signed; now if absent.' }))),
      confirmed_at: optional(
        nullable(instant({ description: 'When it began to count; when it was signed if absent.' })),
      ),
      status: optional(
        nullable(
          enumOf(SIGNATURE_STATUSES, {
            description: 'As in an export: lines that are not `confirmed` did not count, and are left out.',
          }),
        ),
      ),
    },
    {
      named: true,
      description:
        'A signature that was collected elsewhere. In CSV the parts of the postal address and the tags are separate columns: `postal_address_lines` (separated by line breaks within the cell), `postal_address_city`, `postal_address_region`, `utm_source` and so on; so are `answers`, named like `answers.shirt_size`. Columns of other systems are recognised by their usual names, and others are ignored. A country may be written as its name, a date in any form that can be read in one way only. A field that cannot be read is left out and reported; only a line without an address or a name is refused.',
      examples: [LINE_EXAMPLE],
    },
  ),
);
export type SignatureImportLine = Static<typeof SignatureImportLine>;

/** What is wrong with a field. */
export const problemMembers = {
  field: Type.String({
    maxLength: 200,
    pattern: '^[^\\u0000]*$',
    description: 'The field, with slashes for nested members; empty: the line as a whole.',
  }),
  code: Type.String({
    maxLength: 50,
    pattern: '^[a-z_]+$',
    description: 'What is wrong, as in the `errors` of a problem.',
  }),
  detail: line(1000, { description: 'What to do about it. It never repeats what was sent.' }),
};

export const SignatureImportProblem = component(
  'SignatureImportProblem',
  open(
    {
      line: int(1, MAX, { description: 'The line of the file where the record begins, from 1.' }),
      ...problemMembers,
    },
    {
      description: 'What is wrong with a line or one of its fields. Other lines are not affected.',
      examples: [{ line: 17, field: 'email', code: 'format', detail: 'Write it like name@example.org.' }],
    },
  ),
);

const count = (description: string) => int(0, MAX, { description });

export const SignatureImportStop = component(
  'SignatureImportStop',
  open(
    {
      code: Type.String({
        maxLength: 50,
        pattern: '^[a-z_]+$',
        description: 'The code of the problem.',
      }),
      detail: line(1000, { description: 'What to do about it.' }),
    },
    {
      description: 'Why an import has ended early.',
      examples: [{ code: 'petition_closed', detail: 'It takes no more signatures.' }],
    },
  ),
);

export const SignatureImportColumn = component(
  'SignatureImportColumn',
  open(
    {
      name: nullable(
        Type.String({
          maxLength: 60,
          pattern: '^[^\\u0000]*$',
          description: 'Its name in the file; null if that could be data of a person.',
        }),
      ),
      field: nullable(
        matching('^(?:answers\\.)?[a-z][a-z0-9_]*$', 50, {
          description:
            'What it is read as: a field of the line or a part of one, such as `utm_source`; or a field of the petition’s own, like `answers.shirt_size`. Null: it is ignored.',
          examples: ['email'],
        }),
      ),
      ignored: nullable(
        enumOf(IGNORED_COLUMNS, {
          description:
            'Why it is ignored: `unknown`: no field has this name; `not_asked`: the form of the petition does not ask for it; `other_column`: another column is read as this field. Null: it is read.',
        }),
      ),
    },
    {
      description: 'A column of a CSV, and what it is read as.',
      examples: [{ name: 'Email Address', field: 'email', ignored: null }],
    },
  ),
);

/** What every result of an import says. */
export const importResult = {
  complete: Type.Boolean({
    description: 'Whether every line was read. Only the last result can be complete.',
  }),
  dry_run: Type.Boolean({ description: 'Whether it was only tried: nothing is stored.' }),
  encoding: nullable(
    Type.String({
      maxLength: 40,
      pattern: '^[a-z0-9_:.-]+$',
      description:
        'The encoding that the file was read in: told by its byte order mark, by `charset` in the Content-Type, or by its bytes. Null: nothing is read yet.',
    }),
  ),
  stopped: nullableRef(SignatureImportStop, { description: 'Why it ended early; null if it did not.' }),
  lines: count('The lines that were read, without the header.'),
  failed: count('Lines that were refused.'),
  warned: count('Lines of which some field was left out. They are counted above, too.'),
  problems: list(ref(SignatureImportProblem), MAX_PROBLEMS, {
    description: `Why lines were refused: the first ${MAX_PROBLEMS} reasons. In a stream each is in the next result.`,
  }),
  warnings: list(ref(SignatureImportProblem), MAX_PROBLEMS, {
    description: `Which fields were left out of lines that were not refused, and why: the first ${MAX_PROBLEMS}. In a stream each is in the next result.`,
  }),
};

export const SignatureImportResult = component(
  'SignatureImportResult',
  open(
    {
      petition_id: id('pet', 'The petition.'),
      import_id: nullable(
        id(
          'imp',
          'The import, by which the lead organization finds its signatures; null: nothing is stored yet.',
        ),
      ),
      ...importResult,
      columns: Type.Unsafe<Static<typeof SignatureImportColumn>[] | null>({
        type: ['array', 'null'],
        items: ref(SignatureImportColumn),
        maxItems: 65_536,
        description:
          'What each column of a CSV is read as, in order. Null: not a CSV, or nothing is read yet.',
      }),
      created: count('New signatures, which count.'),
      quarantined: count(
        'New signatures that do not count yet: their mailboxes already have three signatures on the petition, under other spellings.',
      ),
      confirmed: count('Existing signatures that were waiting for confirmation, and count now.'),
      already_signed: count('People who had signed before: nothing was added.'),
      left_out: count(
        'Lines whose `status` is not `confirmed`, and people who have withdrawn their signature or were erased.',
      ),
      accepted: count(
        'If signatures of the petition are hidden from you: all valid lines, whether new, known or left out.',
      ),
    },
    {
      description:
        'The result of an import: each line is counted once. All valid lines are stored durably. Importing the same file again changes nothing.',
      examples: [
        {
          petition_id: exampleId('pet'),
          import_id: exampleId('imp'),
          complete: true,
          dry_run: false,
          encoding: 'utf-8',
          columns: [
            { name: 'Email Address', field: 'email', ignored: null },
            { name: 'First Name', field: 'given_name', ignored: null },
            { name: 'Last Name', field: 'family_name', ignored: null },
            { name: 'Phone', field: 'phone', ignored: null },
            { name: 'MEMBER_RATING', field: null, ignored: 'unknown' },
          ],
          stopped: null,
          lines: 10_000,
          created: 9_871,
          quarantined: 0,
          confirmed: 12,
          already_signed: 114,
          left_out: 2,
          accepted: 0,
          failed: 1,
          warned: 1,
          problems: [{ line: 17, field: 'email', code: 'format', detail: 'Write it like name@example.org.' }],
          warnings: [
            {
              line: 21,
              field: 'phone',
              code: 'typed',
              detail: 'Write its digits, like +31 20 555 0123; leave it out if there is none.',
            },
          ],
        },
      ],
    },
  ),
);
