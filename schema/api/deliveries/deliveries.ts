import { Type } from '@sinclair/typebox';
import {
  DELIVERY_COLUMNS,
  DELIVERY_FAILURES,
  DELIVERY_FORMATS,
  DELIVERY_GROUPS,
  DELIVERY_METHODS,
  DELIVERY_STATES,
  DELIVERY_USES,
  PAGE_SIZES,
  RECEIPT_SOURCES,
  TIMESTAMPS,
} from '../../db/tables/deliveries.js';
import { exampleId, id, localeTag, ownPetition, paging } from '../common.js';
import {
  closed,
  component,
  day,
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
  pageOf,
  ref,
  text,
  webUrl,
} from '../typebox.js';
import { DELIVERY_INPUT_EXAMPLE, encryptTo, letter } from './delivery-input.js';

/* Deliveries as their organization sees them. */

const MOST = 2_000_000_000;
const number = (description: string) => int(0, MOST, { description });
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

const COUNTS_EXAMPLE = {
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

const state = () =>
  enumOf(DELIVERY_STATES, {
    description:
      '`draft`: cut and counted. `preparing`: its files are being made. `ready`: they can be fetched and sent. `sent`: handed over. `opened`: a file was fetched through the mailed link. `acknowledged`: there is a receipt. `failed`: see `failure`.',
  });

export const EXAMPLE = {
  id: exampleId('dlv'),
  petition_id: exampleId('pet'),
  state: 'sent',
  recipient: DELIVERY_INPUT_EXAMPLE.recipient,
  letter: DELIVERY_INPUT_EXAMPLE.letter,
  locale: 'en',
  columns: DELIVERY_INPUT_EXAMPLE.columns,
  group_by: 'none',
  formats: ['pdf', 'csv', 'json'],
  page_size: 'A4',
  lines_per_volume: 50_000,
  after: null,
  encrypt_to: [],
  cut_at: '2026-11-28T09:00:00.000Z',
  counts: COUNTS_EXAMPLE,
  failure: null,
  ready_at: '2026-11-28T09:02:00.000Z',
  files_deleted_at: null,
  method: 'in_person',
  sent_at: '2026-11-30T11:00:00.000Z',
  email: null,
  link_days: null,
  handed_over_on: '2026-11-30',
  place: 'Town hall',
  photo_url: null,
  note: null,
  opened_at: null,
  receipt: null,
  cancelled_at: null,
  created_at: '2026-11-28T09:00:00.000Z',
  updated_at: '2026-11-30T11:00:00.000Z',
};

const fields = {
  id: id('dlv', 'The delivery.'),
  petition_id: id('pet', 'The petition.'),
  state: state(),
  recipient: ref(DeliveryRecipient),
  letter: letter(),
  locale: localeTag({ description: 'The language of the files and of the mail.' }),
  columns: list(enumOf(DELIVERY_COLUMNS, { description: 'A column.' }), 7, {
    description: 'What is said of each signature besides number and name.',
  }),
  group_by: enumOf(DELIVERY_GROUPS, { description: 'How the names are grouped.' }),
  formats: list(enumOf(DELIVERY_FORMATS, { description: 'A format.' }), 3, { description: 'Its formats.' }),
  page_size: enumOf(PAGE_SIZES, { description: 'The paper of the PDF.' }),
  lines_per_volume: int(1, MOST, { description: 'Signatures in one file.' }),
  after: nullable(id('dlv', 'The delivery that it continues.')),
  encrypt_to: encryptTo(),
  cut_at: instant({
    description:
      'Signatures that counted then are in it, without those that were taken out before its files were made.',
  }),
  counts: ref(DeliveryCounts),
  failure: nullable(
    enumOf(DELIVERY_FAILURES, {
      description: 'Why its files could not be made; `prepareDelivery` tries again.',
    }),
  ),
  ready_at: nullable(instant({ description: 'When its files were finished.' })),
  files_deleted_at: nullable(instant({ description: 'When its files were deleted.' })),
  method: nullable(enumOf(DELIVERY_METHODS, { description: 'How it was handed over.' })),
  sent_at: nullable(instant({ description: 'When it was sent, or recorded as handed over.' })),
  email: nullable(line(320, { description: 'Where the link was mailed. It is never public.' })),
  link_days: nullable(int(1, 365, { description: 'How long the link works.' })),
  handed_over_on: nullable(day({ description: 'The day on which it was handed over in person.' })),
  place: nullable(line(300, { description: 'Where.' })),
  photo_url: nullable(webUrl({ description: 'A photo of it.' })),
  note: nullable(text(2000, { description: 'Your note. It is public.' })),
  opened_at: nullable(instant({ description: 'When a file was first fetched through the link.' })),
  receipt: nullableRef(DeliveryReceipt, { description: 'The latest receipt; null: none.' }),
  cancelled_at: nullable(instant({ description: 'When it was cancelled.' })),
  created_at: instant({ description: 'When it was made.' }),
  updated_at: instant({ description: 'When it last changed.' }),
};

export const DeliverySummary = component(
  'DeliverySummary',
  open(fields, { description: 'A delivery, without its files and proof.', examples: [EXAMPLE] }),
);

export const DeliveryAnnouncement = component(
  'DeliveryAnnouncement',
  open(
    {
      locale: localeTag({ description: 'Its language: that of the petition, or English.' }),
      subject: line(500, { description: 'A subject.' }),
      text: text(5000, { description: 'A text in Markdown, for the content of a mailing.' }),
    },
    {
      description: 'What you can mail to those who signed.',
      examples: [
        {
          locale: 'en',
          subject: 'Handed over: 12,480 signatures',
          text: 'On 30 November 2026 we handed 12,480 signatures under “Keep the Old Mill Meadows a meadow” to Ines Castell.',
        },
      ],
    },
  ),
);

const DeliveryUse = open(
  {
    what: enumOf(DELIVERY_USES, { description: 'What was done.' }),
    file: nullable(fileName()),
    at: instant({ description: 'When.' }),
  },
  { description: 'A use of the mailed link.' },
);

export const Delivery = component(
  'Delivery',
  open(
    {
      ...fields,
      sums: ref(DeliverySums),
      preview: nullableRef(DeliveryPreview, { description: 'Of a draft; null: its files are made.' }),
      files: list(ref(DeliveryFile), 10_000, { description: 'Its files; empty until it is ready.' }),
      proof: nullableRef(DeliveryProof, { description: 'Null until it is ready.' }),
      announcement: nullableRef(DeliveryAnnouncement, {
        description: 'Ready to be mailed to those who signed, once it is handed over.',
      }),
      uses: list(DeliveryUse, 100, { description: 'What was done through the mailed link, latest first.' }),
    },
    {
      description: 'A delivery: a petition’s signatures, handed to those whom it addresses.',
      examples: [
        {
          ...EXAMPLE,
          sums: { country: [], partner: [], partners_alone: [] },
          preview: null,
          files: [],
          proof: null,
          announcement: null,
          uses: [],
        },
      ],
    },
  ),
);

export const DeliveryPage = component(
  'DeliveryPage',
  pageOf(DeliverySummary, {
    description: 'A page of deliveries, latest first.',
    examples: [{ data: [EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const DeliveryQuery = closed({ ...paging, petition: optional(ownPetition()) });
export const DeliveryFilePath = closed({ delivery: id('dlv', 'The delivery.'), file: fileName() });
export const AnyFile = Type.String({
  format: 'binary',
  maxLength: Number.MAX_SAFE_INTEGER,
  description: 'The file.',
});
/** The list, or the manifest: docs/deliveries.md has their members. */
export const JsonFile = open({}, { description: 'The file.' });
