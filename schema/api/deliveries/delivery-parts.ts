import { RECEIPT_SOURCES, TIMESTAMPS } from '../../db/tables/deliveries.js';
import { exampleId, id } from '../common.js';
import { component, day, enumOf, int, line, list, matching, nullable, open, text } from '../typebox.js';

/* What deliveries consist of. */

export const MOST = 2_000_000_000;
export const number = (description: string) => int(0, MOST, { description });
export const hex = (description: string) =>
  matching('^[0-9a-f]{64}$', 64, {
    description,
    examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
  });
export const fileName = () =>
  matching('^[A-Za-z0-9][A-Za-z0-9._-]*$', 100, {
    rule: 'Write the name of a file of the delivery, like signatures.pdf.',
    description: 'The name of the file.',
    examples: ['signatures.pdf'],
  });

export const DeliveryRecipient = component(
  'DeliveryRecipient',
  open(
    {
      name: line(200, { description: 'Who gets it.' }),
      title: nullable(line(200, { description: 'Their office.' })),
      organization: nullable(line(200, { description: 'Their body.' })),
    },
    {
      description: 'To whom signatures are handed.',
      examples: [{ name: 'Ines Castell', title: 'Mayor', organization: 'Ewehaven Town Council' }],
    },
  ),
);

export const COUNTS_EXAMPLE = {
  total: 12_480,
  listed: 11_900,
  named: 11_200,
  unnamed: 700,
  hidden: 80,
  by_partners: 0,
  paper: 500,
  elsewhere: 0,
  struck: 0,
};

export const DeliveryCounts = component(
  'DeliveryCounts',
  open(
    {
      total: number('All that it speaks for: `listed`, `hidden`, `by_partners`, `paper` and `elsewhere`.'),
      listed: number('Lines: `named` and `unnamed`.'),
      named: number('Lines with a name.'),
      unnamed: number('Lines of those who wanted no name to be shown.'),
      hidden: number('Counted without a line: they want to be in no list.'),
      by_partners: number('Counted without a line: partners collected them under terms of numbers alone.'),
      paper: number('Counted without a line: they signed on paper.'),
      elsewhere: number('Counted without a line: they were counted elsewhere.'),
      struck: number('Lines of the deliveries before that no longer hold.'),
    },
    { description: 'How many signatures a delivery speaks for.', examples: [COUNTS_EXAMPLE] },
  ),
);

const sum = (key: string, description: string) =>
  open({ key: nullable(line(200, { description: key })), count: number('How many lines.') }, { description });

export const DeliverySums = component(
  'DeliverySums',
  open(
    {
      country: list(
        sum('The country (ISO 3166-1); null: not stated, or without a name.', 'A country.'),
        300,
        {
          description: 'Lines by country, the largest first.',
        },
      ),
      partner: list(sum('The partner; null: the lead itself.', 'An organization.'), 1000, {
        description: 'Lines by the organization that collected them, the largest first.',
      }),
      partners_alone: list(
        open(
          { name: line(200, { description: 'The partner.' }), count: number('How many.') },
          { description: 'A partner.' },
        ),
        1000,
        { description: 'Of `by_partners`, where the delivery continues no other.' },
      ),
    },
    {
      description: 'The lines of a delivery in sums.',
      examples: [
        {
          country: [{ key: 'NL', count: 11_900 }],
          partner: [{ key: null, count: 11_900 }],
          partners_alone: [],
        },
      ],
    },
  ),
);

export const DeliveryFile = component(
  'DeliveryFile',
  open(
    {
      name: fileName(),
      bytes: int(0, Number.MAX_SAFE_INTEGER, { description: 'Its length.' }),
      sha256: hex('Its SHA-256, in hexadecimal digits.'),
      volume: nullable(int(1, MOST, { description: 'The volume; null: it has all of them.' })),
      archive: nullable({
        ...fileName(),
        description: 'The archive that it is in; null: it can be fetched.',
      }),
    },
    {
      description: 'A file of a delivery.',
      examples: [
        {
          name: 'signatures.pdf',
          bytes: 1_383_220,
          sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
          volume: 1,
          archive: null,
        },
      ],
    },
  ),
);

export const DeliveryProof = component(
  'DeliveryProof',
  open(
    {
      manifest: text(200_000, { description: 'The manifest as it was signed.' }),
      manifest_sha256: hex('Its SHA-256.'),
      signature: matching('^[A-Za-z0-9+/]+=*$', 200, { description: 'Ed25519 over its bytes, in Base64.' }),
      key_id: line(100, { description: 'The key, of those at `/.well-known/undersigned-keys.json`.' }),
      root: hex('The Merkle root over the lines.'),
      timestamp: enumOf(TIMESTAMPS, {
        description: '`stamped`: with a token of RFC 3161. `failed`: the server for it did not give one.',
      }),
    },
    {
      description: 'What proves a delivery.',
      examples: [
        {
          manifest: '{"version":1}',
          manifest_sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
          signature: 'q83vEjRWeJA=',
          key_id: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
          root: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
          timestamp: 'none',
        },
      ],
    },
  ),
);

export const DeliveryReceipt = component(
  'DeliveryReceipt',
  open(
    {
      count: nullable(number('How many signatures they count; null: they name no number.')),
      text: nullable(text(2000, { description: 'In their words.' })),
      on: day({ description: 'The day.' }),
      by: enumOf(RECEIPT_SOURCES, {
        description: '`link`: they said it themselves. `organiser`: the organization has recorded it.',
      }),
    },
    {
      description: 'What those say who got it.',
      examples: [{ count: 12_400, text: 'Received with thanks.', on: '2026-12-01', by: 'link' }],
    },
  ),
);

const PreviewLine = open(
  {
    signature_id: id('sig', 'The signature.'),
    name: nullable(line(400, { description: 'As it will be shown; null: not named.' })),
    country: nullable(matching('^[A-Z]{2}$', 2, { description: 'The country.' })),
    date: nullable(day({ description: 'The day of signing.' })),
    comment: nullable(text(2000, { description: 'The comment.' })),
    partner: nullable(line(200, { description: 'The partner that collected it.' })),
  },
  { description: 'A line to come.' },
);

export const DeliveryPreview = component(
  'DeliveryPreview',
  open(
    {
      lines: list(PreviewLine, 10, { description: 'The first lines, in the order of signing.' }),
      weeded: list(
        open(
          {
            reason: text(500, { description: 'The reason that was given.' }),
            count: number('How many.'),
          },
          { description: 'Signatures that were taken out.' },
        ),
        1000,
        { description: 'What was invalidated since the cut.' },
      ),
    },
    {
      description: 'What a draft would hold.',
      examples: [
        {
          lines: [
            {
              signature_id: exampleId('sig'),
              name: 'Ada Okonkwo',
              country: 'NL',
              date: '2026-11-21',
              comment: null,
              partner: null,
            },
          ],
          weeded: [{ reason: 'Spam wave of Monday night', count: 12 }],
        },
      ],
    },
  ),
);
