import { PAPER_FIELDS } from '../../../schema/db/tables/paper.js';
import { columnKind, KNOWN_NAMES } from '../signatures/import-columns.js';

const { created_at: dates = '', status: _status, ...names } = KNOWN_NAMES;

/** The columns of files of paper signatures: known by the same names as those of other signatures. */
export const PAPER_COLUMN_KIND = columnKind(
  PAPER_FIELDS,
  {
    ...names,
    sheet:
      'sheet sheetnumber sheetno page list listnumber bogen blatt liste listennummer feuille feuillet hoja foglio vel',
    // Our own exports have a `created_at` too: when it was entered.
    signed_on: dates.replace(/^createdat /, 'signedon ').replace(/ signedon /, ' '),
    status: 'status',
  },
  false,
);
