import { Type, type Static } from '@sinclair/typebox';
import { DISPLAYS, SIGNATURE_STATUSES } from '../../db/tables/signatures.js';
import { exampleId, externalId, id, ownPetition, typedCountry } from '../common.js';
import {
  closed,
  component,
  enumOf,
  instant,
  int,
  line,
  list,
  nullable,
  nullableRef,
  open,
  optional,
  ref,
} from '../typebox.js';
import { PostalAddress, Utm, comment, email, name, phone, postalCode, source } from './signing.js';

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
});

const LINE_EXAMPLE = {
  email: 'ada@example.org',
  name: 'Ada Okonkwo',
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
      name: name(),
      country: optional(nullable(typedCountry())),
      postal_code: optional(nullable(postalCode())),
      postal_address: optional(nullableRef(PostalAddress)),
      phone: optional(nullable(phone())),
      comment: optional(nullable(comment())),
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
      description:
        'A signature that was collected elsewhere. In CSV the parts of the postal address and the tags are separate columns: `postal_address_lines` (separated by line breaks within the cell), `postal_address_city`, `postal_address_region`, `utm_source` and so on. Other columns of an export (`id`, `petition_id` and so on) are ignored.',
      examples: [LINE_EXAMPLE],
    },
  ),
);
export type SignatureImportLine = Static<typeof SignatureImportLine>;

export const SignatureImportProblem = component(
  'SignatureImportProblem',
  open(
    {
      line: int(1, MAX, { description: 'The line of the file where the record begins, from 1.' }),
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
    },
    {
      description: 'What is wrong with a line. Other lines are not affected.',
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
      complete: Type.Boolean({
        description: 'Whether every line was read. Only the last result can be complete.',
      }),
      stopped: nullableRef(SignatureImportStop, { description: 'Why it ended early; null if it did not.' }),
      lines: count('The lines that were read, without the header.'),
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
      failed: count('Invalid lines.'),
      problems: list(ref(SignatureImportProblem), MAX_PROBLEMS, {
        description: `What is wrong with invalid lines: the first ${MAX_PROBLEMS}. In a stream each is in the next result.`,
      }),
    },
    {
      description:
        'The result of an import: each line is counted once. All valid lines are stored durably. Importing the same file again changes nothing.',
      examples: [
        {
          petition_id: exampleId('pet'),
          import_id: exampleId('imp'),
          complete: true,
          stopped: null,
          lines: 10_000,
          created: 9_871,
          quarantined: 0,
          confirmed: 12,
          already_signed: 114,
          left_out: 2,
          accepted: 0,
          failed: 1,
          problems: [{ line: 17, field: 'email', code: 'format', detail: 'Write it like name@example.org.' }],
        },
      ],
    },
  ),
);
