import {
  DELIVERY_COLUMNS,
  DELIVERY_FORMATS,
  DELIVERY_GROUPS,
  PAGE_SIZES,
} from '../../db/tables/deliveries.js';
import { id, localeTag, ownPetition } from '../common.js';
import {
  closed,
  component,
  enumOf,
  int,
  line,
  list,
  matching,
  nullable,
  nullableRef,
  optional,
  text,
} from '../typebox.js';
import { Type } from '@sinclair/typebox';

/* What an organization decides about a delivery. */

export const DeliveryRecipientInput = component(
  'DeliveryRecipientInput',
  closed(
    {
      name: line(200, { description: 'Who gets it.', examples: ['Mayor Ines Castell'] }),
      title: optional(nullable(line(200, { description: 'Their office.', examples: ['Mayor'] }))),
      organization: optional(
        nullable(line(200, { description: 'Their body.', examples: ['Ewehaven Town Council'] })),
      ),
    },
    {
      description: 'To whom signatures are handed.',
      examples: [{ name: 'Ines Castell', title: 'Mayor', organization: 'Ewehaven Town Council' }],
    },
  ),
);

export const letter = () =>
  nullable(
    text(20_000, {
      description:
        'What is written to the recipient, in Markdown without HTML. It is in the mail and in the PDF.',
    }),
  );
const columns = () =>
  list(enumOf(DELIVERY_COLUMNS, { description: 'A column.' }), 7, {
    description:
      'What is said of each signature besides number and name. `postal_code`, `city` and `region` only where signers were told before they signed: `form.discloses` of the petition.',
    uniqueItems: true,
  });
const groupBy = () => enumOf(DELIVERY_GROUPS, { description: 'How the names are grouped.' });
const formats = () =>
  list(enumOf(DELIVERY_FORMATS, { description: 'A format.' }), 3, {
    description: 'The formats of the list. In JSON each line has the salt with which it can be proven.',
    uniqueItems: true,
    minItems: 1,
  });
const pageSize = () => enumOf(PAGE_SIZES, { description: 'The paper of the PDF.' });
const linesPerVolume = () =>
  int(1000, 200_000, {
    description: 'Signatures in one file. Where there are more, the files are volumes in a ZIP.',
  });
const recipientKey = () =>
  matching('^age1[02-9ac-hj-np-z]{58}$', 62, {
    rule: 'Write a recipient of age as age-keygen prints it: age1 and 58 small letters and digits.',
    description: 'A recipient of [age](https://age-encryption.org).',
    examples: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'],
  });
export const encryptTo = () =>
  list(recipientKey(), 20, {
    description:
      'Who can read the files: they are encrypted to these recipients of age. Empty: they are not.',
  });

export const choices = { columns, groupBy, formats, pageSize, linesPerVolume };

export const DELIVERY_INPUT_EXAMPLE = {
  petition: 'save-the-old-mill-meadows',
  recipient: { name: 'Ines Castell', title: 'Mayor', organization: 'Ewehaven Town Council' },
  letter: 'Dear Mayor Castell,\n\nhere are the names of those who ask you to keep the meadows.',
  columns: ['country', 'date', 'comment'],
};

export const DeliveryInput = component(
  'DeliveryInput',
  closed(
    {
      petition: ownPetition(),
      recipient: optional(
        nullableRef(DeliveryRecipientInput, {
          description: 'To whom it is handed; the first target of the petition if absent.',
        }),
      ),
      letter: optional(letter()),
      locale: optional(
        nullable(
          localeTag({
            description: 'The language of the files and of the mail; that of the petition if absent.',
          }),
        ),
      ),
      columns: optional(
        Type.Unsafe<ReturnType<typeof columns>['static'] | null>({
          anyOf: [columns(), { type: 'null' }],
          description: 'Country and date if absent.',
        }),
      ),
      group_by: optional(groupBy()),
      formats: optional(formats()),
      page_size: optional(pageSize()),
      lines_per_volume: optional(linesPerVolume()),
      after: optional(
        nullable(
          id('dlv', 'The delivery of the same petition that it continues: it then holds what is new since.'),
        ),
      ),
      encrypt_to: optional(encryptTo()),
    },
    { description: 'A delivery to be made.', examples: [DELIVERY_INPUT_EXAMPLE] },
  ),
);

export const DeliveryPath = closed({ delivery: id('dlv', 'The delivery.') });
