import { Type, type Static } from '@sinclair/typebox';
import { DISPLAYS, SIGNATURE_STATUSES } from '../../db/tables/signatures.js';
import { REF_RULE, exampleId, externalId, id, typedCountry } from '../common.js';
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
import { PostalAddress, Utm, comment, email, name, phone, postalCode, source } from './signing.js';

/* Signatures by the million, out and in: files that are read while they come. */

const MAX = 2_147_483_647;
export const MAX_PROBLEMS = 1000;

const petition = () =>
  matching('^[a-z0-9_-]+$', 100, {
    rule: REF_RULE,
    description: 'Id or slug of one of your petitions.',
    examples: [exampleId('pet')],
  });

export const EXPORT_FORMATS = ['csv', 'ndjson'] as const;

export const SignatureExportQuery = closed({
  petition: petition(),
  format: optional(
    enumOf(EXPORT_FORMATS, {
      description: 'CSV (if absent), or one `Signature` a line as JSON.',
    }),
  ),
  bom: optional(
    Type.Boolean({
      description: 'Begins the CSV with a byte order mark, by which Excel knows that it is UTF-8.',
    }),
  ),
  status: optional(
    list(enumOf(SIGNATURE_STATUSES), 5, { description: 'Any of these; repeat it for several.' }),
  ),
  source: optional(source()),
  collector: optional(id('org', 'The organization that it is attributed to.')),
  created_from: optional(instant({ description: 'Signed at or after.' })),
  created_before: optional(instant({ description: 'Signed before.' })),
});

export const SignatureImportQuery = closed({
  petition: petition(),
  source: optional(
    line(100, {
      description: 'How they were collected, for the lines that have no `source` of their own.',
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
          Type.Boolean({ description: 'The signer does not want to stand in the public list at all.' }),
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
            description: 'As an export says it: what is not `confirmed` did not count, and is left out.',
          }),
        ),
      ),
    },
    {
      description:
        'A signature that was collected elsewhere. In CSV the parts of address and tags are columns of their own: `postal_address_lines` (one below the other in its cell), `postal_address_city`, `postal_address_region`, `utm_source` and so on. What else an export has (`id`, `petition_id` and so on) may stay: it is not read.',
      examples: [LINE_EXAMPLE],
    },
  ),
);
export type SignatureImportLine = Static<typeof SignatureImportLine>;

export const SignatureImportProblem = component(
  'SignatureImportProblem',
  open(
    {
      line: int(1, MAX, { description: 'The line of the file where it begins, from 1.' }),
      field: Type.String({
        maxLength: 200,
        pattern: '^[^\\u0000]*$',
        description: 'The field, with slashes for what lies in it; empty: the line as a whole.',
      }),
      code: Type.String({
        maxLength: 50,
        pattern: '^[a-z_]+$',
        description: 'What is wrong, as in the `errors` of a problem.',
      }),
      detail: line(1000, { description: 'What to do about it. Never what was sent.' }),
    },
    {
      description: 'What is wrong with a line. The others are not affected.',
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
        description: 'The code of the problem that it would have been.',
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
        id('imp', 'The import, by which the lead finds what it has brought; null: nothing is stored yet.'),
      ),
      complete: Type.Boolean({ description: 'Whether every line was read. Only the last result can be.' }),
      stopped: nullableRef(SignatureImportStop, { description: 'Why it ended early; null: it did not.' }),
      lines: count('The lines that were read, without the header.'),
      created: count('New signatures, which count.'),
      quarantined: count(
        'New signatures that do not count yet: their mailboxes have three others on the petition, under other spellings.',
      ),
      confirmed: count('Signatures that were there, had waited for a confirmation, and count now.'),
      already_signed: count('People who had signed before: nothing was added.'),
      left_out: count(
        'Lines whose `status` is not `confirmed`, and people who have taken their signature back or were erased.',
      ),
      accepted: count(
        'Where something of the petition is hidden from you: all lines that were taken, whether new, known or left out.',
      ),
      failed: count('Lines that are wrong.'),
      problems: list(ref(SignatureImportProblem), MAX_PROBLEMS, {
        description: `What is wrong with them: the first ${MAX_PROBLEMS}, in a stream each in the result that follows it.`,
      }),
    },
    {
      description:
        'What an import has done: each line is counted once. All but what is wrong is stored, durably. Importing the same again changes nothing.',
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
