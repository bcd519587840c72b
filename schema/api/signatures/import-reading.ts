import { Type } from '@sinclair/typebox';
import { matching, optional } from '../typebox.js';

/** How an imported file is to be read: signatures and paper signatures alike. */
export const importReading = {
  columns: optional(
    matching('^[^\\u0000]+$', 4000, {
      rule: 'Write pairs of a column and a field, like E-Mail:email,Vorname:given_name.',
      description:
        'For CSV: which column is which field, where its name does not say it. Pairs of name and field, separated by commas; a name with a comma or colon is put in double quotes; a column without a field is ignored. Fields are those of the line, `given_name` and `family_name`, and `answers.shirt_size` for one of the petition’s own.',
      examples: ['Email Address:email,Vorname:given_name,Nachname:family_name,Status:'],
    }),
  ),
  date_format: optional(
    matching('^[YMDHhmsSAZT0-9 .,:/_-]+$', 40, {
      rule: 'Write it like DD.MM.YYYY HH:mm or M/D/YYYY h:mm A.',
      description:
        'The format of the dates in the file, of these: `YYYY`, `YY` (20…), `MM` or `M`, `MMM` (name of the month, English or German), `DD` or `D`, `HH` or `H`, `hh` or `h` with `A` (AM or PM), `mm`, `ss`, `SSS`, `Z` (offset). Without it, dates are read where there is only one way to read them.',
      examples: ['DD.MM.YYYY HH:mm'],
    }),
  ),
  dry_run: optional(
    Type.Boolean({
      description: 'Reads and checks everything, and answers as usual, but stores nothing.',
    }),
  ),
};
