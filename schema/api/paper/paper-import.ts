import { Type, type Static } from '@sinclair/typebox';
import { PAPER_FIELDS, PAPER_STATUSES } from '../../db/tables/paper.js';
import { IGNORED_COLUMNS } from '../../db/tables/signatures.js';
import { exampleId, id, ownPetition } from '../common.js';
import { importReading } from '../signatures/import-reading.js';
import { importResult } from '../signatures/signature-import.js';
import { closed, component, enumOf, int, nullable, open, optional, ref } from '../typebox.js';
import { PAPER_EXAMPLE, paperMembers, paperSource } from './paper-signatures.js';

/* Imports of paper signatures: files that are read as those of other signatures are. */

export const PaperImportQuery = closed({
  petition: ownPetition('Id or slug of a petition that you lead, or are a partner of.'),
  source: optional(paperSource()),
  ...importReading,
});

export const PaperImportLine = component(
  'PaperImportLine',
  closed(
    {
      ...paperMembers,
      status: optional(
        nullable(
          enumOf(PAPER_STATUSES, {
            description: 'As in an export: lines that are not `confirmed` are left out.',
          }),
        ),
      ),
    },
    {
      named: true,
      description:
        'A signature on paper. In CSV the parts of the postal address are separate columns, as in `SignatureImportLine`. A column of e-mail addresses is told of, and not stored. A field that cannot be read is left out and reported; only a line without a name is refused.',
      examples: [PAPER_EXAMPLE],
    },
  ),
);
export type PaperImportLine = Static<typeof PaperImportLine>;

export const PaperImportColumn = component(
  'PaperImportColumn',
  open(
    {
      name: nullable(
        Type.String({
          maxLength: 60,
          pattern: '^[^\\u0000]*$',
          description: 'Its name in the file; null if that could be data of a person.',
        }),
      ),
      field: nullable(enumOf(PAPER_FIELDS, { description: 'What it is read as; null: it is ignored.' })),
      ignored: nullable(enumOf(IGNORED_COLUMNS, { description: 'Why it is ignored; null: it is read.' })),
    },
    {
      description: 'A column of a CSV, and what it is read as.',
      examples: [{ name: 'Postcode', field: 'postal_code', ignored: null }],
    },
  ),
);

const count = (description: string) => int(0, 2_147_483_647, { description });

export const PaperImportResult = component(
  'PaperImportResult',
  open(
    {
      petition_id: id('pet', 'The petition.'),
      batch_id: nullable(
        id('pba', 'The batch, by which all of it can be listed and removed; null: nothing new is entered.'),
      ),
      ...importResult,
      columns: Type.Unsafe<Static<typeof PaperImportColumn>[] | null>({
        type: ['array', 'null'],
        items: ref(PaperImportColumn),
        maxItems: 65_536,
        description:
          'What each column of a CSV is read as, in order. Null: not a CSV, or nothing is read yet.',
      }),
      created: count('New signatures, which count.'),
      known: count('Lines with an `external_id` that was entered before: nothing was added.'),
      left_out: count('Lines whose `status` is not `confirmed`.'),
    },
    {
      description:
        'The result of an import: each line is counted once. If it `stopped`, nothing of the file is kept.',
      examples: [
        {
          petition_id: exampleId('pet'),
          batch_id: exampleId('pba'),
          complete: true,
          dry_run: false,
          encoding: 'utf-8',
          stopped: null,
          lines: 240,
          failed: 1,
          warned: 1,
          problems: [
            { line: 17, field: 'name', code: 'required', detail: 'Send it, or given_name and family_name.' },
          ],
          warnings: [
            {
              line: 21,
              field: 'name',
              code: 'possible_duplicate',
              detail:
                'The same name and postal code as line 12. It is counted: remove one of them if they are the same person.',
            },
          ],
          columns: [
            { name: 'Name', field: 'name', ignored: null },
            { name: 'Postcode', field: 'postal_code', ignored: null },
          ],
          created: 236,
          known: 2,
          left_out: 1,
        },
      ],
    },
  ),
);
