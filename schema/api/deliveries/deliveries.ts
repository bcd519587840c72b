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
import {
  MOST,
  COUNTS_EXAMPLE,
  fileName,
  DeliveryRecipient,
  DeliveryCounts,
  DeliverySums,
  DeliveryFile,
  DeliveryProof,
  DeliveryReceipt,
  DeliveryPreview,
} from './delivery-parts.js';

/* Deliveries as their organization sees them. */

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
export const DeliveryJson = component(
  'DeliveryJson',
  open(
    {
      organization: line(200, { description: 'The organization that delivers.' }),
      recipient: line(700, { description: 'To whom.' }),
    },
    {
      description: 'The list, or the manifest: docs/deliveries.md has their further members.',
      examples: [{ organization: 'River Meadows Alliance', recipient: 'Ines Castell, Mayor' }],
    },
  ),
);
