import { Type } from '@sinclair/typebox';
import { SIGNATURE_STATUSES } from '../../db/tables/signatures.js';
import { id, ownPetition } from '../common.js';
import { closed, enumOf, instant, list, optional } from '../typebox.js';
import { source } from './signing.js';

/* Exports of signatures: streamed files with up to millions of lines. */

export const EXPORT_FORMATS = ['csv', 'ndjson'] as const;

export const SignatureExportQuery = closed({
  petition: ownPetition(),
  format: optional(
    enumOf(EXPORT_FORMATS, {
      description: 'CSV (the default), or one `Signature` per line as JSON.',
    }),
  ),
  bom: optional(
    Type.Boolean({
      description: 'Begins the CSV with a byte order mark, by which Excel recognises UTF-8.',
    }),
  ),
  formulas: optional(
    enumOf(['escaped', 'raw'], {
      description:
        'Texts of a CSV that a spreadsheet would run as a formula: with an apostrophe before them (`escaped`, the default), or unchanged (`raw`), for programs that run no formulas.',
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
