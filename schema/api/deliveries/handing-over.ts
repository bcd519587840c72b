import { DELIVERY_METHODS, RECEIPT_SOURCES } from '../../db/tables/deliveries.js';
import { exampleId, id } from '../common.js';
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
  ref,
  text,
  typed,
  webUrl,
} from '../typebox.js';
import { DeliveryCounts, DeliveryReceipt, DeliveryRecipient, hex } from './delivery-parts.js';

/* Handing over, receipts, and what everyone can read of them. */

export const DeliverySend = component(
  'DeliverySend',
  closed(
    {
      method: enumOf(DELIVERY_METHODS, {
        description:
          '`mail`: a mail with the letter and a link to the files. `in_person`: you have handed it over by other means, and record it.',
      }),
      email: optional(
        typed('trimmed', 320, {
          description: 'Of a mail: the address of the recipient. It is never public.',
          examples: ['office@council.example'],
        }),
      ),
      link_days: optional(
        nullable(int(1, 365, { description: 'Of a mail: how long the link works; 30 days if absent.' })),
      ),
      handed_over_on: optional(nullable(day({ description: 'In person: the day; today if absent.' }))),
      place: optional(nullable(line(300, { description: 'In person: where.', examples: ['Town hall'] }))),
      photo_url: optional(nullable(webUrl({ description: 'In person: a photo of it.' }))),
      note: optional(nullable(text(2000, { description: 'In person: your note. It is public.' }))),
    },
    {
      description: 'How a delivery is handed over.',
      examples: [
        { method: 'mail', email: 'office@council.example', link_days: 30 },
        { method: 'in_person', handed_over_on: '2026-11-30', place: 'Town hall' },
      ],
    },
  ),
);

export const DeliveryReceiptInput = component(
  'DeliveryReceiptInput',
  closed(
    {
      count: optional(
        nullable(
          int(0, 2_000_000_000, {
            description: 'How many signatures they count; null: they name no number.',
          }),
        ),
      ),
      text: optional(nullable(text(2000, { description: 'In their words.' }))),
      on: optional(nullable(day({ description: 'The day; today if absent.' }))),
    },
    {
      description: 'A receipt that came by other means than the mailed link.',
      examples: [{ count: 12_400, text: 'Received with thanks.', on: '2026-12-01' }],
    },
  ),
);

const EXAMPLE = {
  id: exampleId('dlv'),
  recipient: { name: 'Ines Castell', title: 'Mayor', organization: 'Ewehaven Town Council' },
  counts: {
    total: 12_480,
    listed: 11_900,
    named: 11_200,
    unnamed: 700,
    hidden: 80,
    by_partners: 0,
    paper: 500,
    elsewhere: 0,
    struck: 0,
  },
  after: null,
  cut_at: '2026-11-28T09:00:00.000Z',
  sent_at: '2026-11-30T11:00:00.000Z',
  method: 'in_person',
  handed_over_on: '2026-11-30',
  place: 'Town hall',
  photo_url: null,
  note: null,
  manifest_sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  root: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  receipt: { count: 12_400, text: 'Received with thanks.', on: '2026-12-01', by: 'link' },
};

export const PublicDelivery = component(
  'PublicDelivery',
  open(
    {
      id: id('dlv', 'The delivery.'),
      recipient: ref(DeliveryRecipient),
      counts: ref(DeliveryCounts),
      after: nullable(id('dlv', 'The delivery that it continues.')),
      cut_at: instant({ description: 'Signatures that counted then are in it.' }),
      sent_at: instant({ description: 'When it was handed over, or that was recorded.' }),
      method: enumOf(DELIVERY_METHODS, { description: 'How it was handed over.' }),
      handed_over_on: nullable(day({ description: 'The day on which it was handed over in person.' })),
      place: nullable(line(300, { description: 'Where.' })),
      photo_url: nullable(webUrl({ description: 'A photo of it.' })),
      note: nullable(text(2000, { description: 'A note of the organization.' })),
      manifest_sha256: hex('The SHA-256 of its manifest.'),
      root: hex('The Merkle root over its lines.'),
      receipt: nullableRef(DeliveryReceipt, { description: 'What those say who got it; null: nothing yet.' }),
    },
    { description: 'What everyone can read of a delivery.', examples: [EXAMPLE] },
  ),
);

export const PublicDeliveryList = component(
  'PublicDeliveryList',
  open(
    { data: list(ref(PublicDelivery), 200, { description: 'The latest first.' }) },
    { description: 'What was handed over of a petition.', examples: [{ data: [EXAMPLE] }] },
  ),
);

const cell = (description: string) => nullable(line(5000, { description }));

export const MyDeliveryLine = component(
  'MyDeliveryLine',
  open(
    {
      number: int(1, 2_000_000_000, { description: 'The number of the line.' }),
      name: cell('The name as it was shown; null: it was not.'),
      country: optional(cell('The country.')),
      region: optional(cell('The region.')),
      postal_code: optional(cell('The postcode.')),
      city: optional(cell('The town.')),
      date: optional(cell('The day of signing.')),
      comment: optional(nullable(text(5000, { description: 'The comment.' }))),
      partner: optional(cell('The organization that collected it; null: the lead.')),
    },
    {
      description: 'The line, with the columns of the delivery.',
      examples: [{ number: 17, name: 'Ada Okonkwo', country: 'NL' }],
    },
  ),
);

export const MyDeliveryProof = component(
  'MyDeliveryProof',
  open(
    {
      delivery: id('dlv', 'The delivery.'),
      line: ref(MyDeliveryLine),
      salt: line(100, { description: 'The salt of the line, in Base64 for URLs.' }),
      index: int(0, 2_000_000_000, { description: 'The place of the leaf, from 0.' }),
      size: int(1, 2_000_000_000, { description: 'How many leaves there are.' }),
      branch: list(hex('A hash.'), 64, { description: 'The audit path of RFC 6962, from the leaf up.' }),
      root: hex('The Merkle root, as in the manifest.'),
    },
    {
      description: 'What proves that a line is in a delivery.',
      examples: [
        {
          delivery: exampleId('dlv'),
          line: { number: 17, name: 'Ada Okonkwo', country: 'NL' },
          salt: 'CzIqvyN1P9BbqX8hbqGz0Q',
          index: 16,
          size: 20,
          branch: [EXAMPLE.root],
          root: EXAMPLE.root,
        },
      ],
    },
  ),
);

export const MyDelivery = component(
  'MyDelivery',
  open(
    {
      delivery_id: id('dlv', 'The delivery.'),
      recipient: ref(DeliveryRecipient),
      sent_at: instant({ description: 'When it was handed over.' }),
      line: int(1, 2_000_000_000, { description: 'The number of the line.' }),
      receipt_by: nullable(
        enumOf(RECEIPT_SOURCES, { description: 'Who told of its receipt; null: nobody yet.' }),
      ),
      proof: nullableRef(MyDeliveryProof, {
        description: 'Null: it is not at hand, or you have changed since what the line says.',
      }),
    },
    {
      description: 'That a signature was handed over.',
      examples: [
        {
          delivery_id: exampleId('dlv'),
          recipient: EXAMPLE.recipient,
          sent_at: EXAMPLE.sent_at,
          line: 17,
          receipt_by: null,
          proof: null,
        },
      ],
    },
  ),
);

export const MyDeliveryList = component(
  'MyDeliveryList',
  open(
    { data: list(ref(MyDelivery), 1000, { description: 'The latest first.' }) },
    { description: 'The deliveries that one signature was in.', examples: [{ data: [] }] },
  ),
);
