import { oneOf } from '../checks.js';
import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* Deliveries: lists of signatures that are handed to those whom a petition addresses. */

export const DELIVERY_STATES = [
  'draft',
  'preparing',
  'ready',
  'sent',
  'opened',
  'acknowledged',
  'failed',
  'cancelled',
] as const;
/** What an organization does with a delivery, named as its operations are. */
export const DELIVERY_MOVES = ['prepare', 'cancel', 'send', 'receipt'] as const;
/** `mail`: with a link to the files. `in_person`: by other means than this server. */
export const DELIVERY_METHODS = ['mail', 'in_person'] as const;
/** Besides the number of the line and the name, which are always there. */
export const DELIVERY_COLUMNS = [
  'country',
  'date',
  'comment',
  'partner',
  'postal_code',
  'city',
  'region',
] as const;
export const DELIVERY_FORMATS = ['pdf', 'csv', 'json'] as const;
export const DELIVERY_GROUPS = ['none', 'country', 'region', 'postal_area'] as const;
export const PAGE_SIZES = ['A4', 'LETTER'] as const;
/** What was done through the link that was mailed. */
export const DELIVERY_USES = ['download', 'receipt'] as const;
export const RECEIPT_SOURCES = ['link', 'organiser'] as const;
/** Why a delivery could not be made. */
export const DELIVERY_FAILURES = ['disk_full', 'too_often', 'petition_gone', 'internal'] as const;
export const TIMESTAMPS = ['none', 'stamped', 'failed'] as const;

export type DeliveryState = (typeof DELIVERY_STATES)[number];
export type DeliveryMove = (typeof DELIVERY_MOVES)[number];
export type DeliveryColumn = (typeof DELIVERY_COLUMNS)[number];
export type DeliveryFormat = (typeof DELIVERY_FORMATS)[number];

export type DeliveryRecipient = { name: string; title: string | null; organization: string | null };

/** How many signatures a delivery speaks for. `total` is the sum of the others but `struck`, `named` and `unnamed`. */
export type DeliveryCounts = {
  total: number;
  /** On a line: `named` and `unnamed` together. */
  listed: number;
  named: number;
  /** Signed, and wanted no name to be shown. */
  unnamed: number;
  /** Wanted to be in no list. */
  hidden: number;
  /** Collected by partners whose terms give the lead numbers alone. */
  by_partners: number;
  paper: number;
  elsewhere: number;
  /** Lines of earlier deliveries that no longer hold. */
  struck: number;
};

/** `key` is null for those that say nothing, or that the lead collected itself. */
export type DeliverySum = { key: string | null; count: number };
export type DeliverySums = {
  country: DeliverySum[];
  partner: DeliverySum[];
  /** Counted in `by_partners`. */
  partners_alone: { name: string; count: number }[];
};

export type DeliveryWeeded = { reason: string; count: number };

/** As it was written: in hexadecimal digits, and the archive that it is in. */
export type StoredFile = {
  name: string;
  volume: number | null;
  bytes: number;
  sha256: string;
  archive: string | null;
};

/** How it is to be sent once it was made anew. */
export type DeliverySending = { email: string; days: number };

export function defineDeliveriesTables(
  d: typeof Columns,
  parents: Parents<'organizations' | 'apiKeys' | 'petitions' | 'signatures'>,
) {
  const { organizations, apiKeys, petitions, signatures } = parents;
  const to = referencesIn(d);

  const deliveries = d.table(
    'deliveries',
    {
      key: d.key(),
      publicId: d.publicId('dlv').notNull().unique(),
      petitionKey: to(petitions).notNull(),
      /** The lead of the petition. */
      organizationKey: to(organizations).notNull(),
      apiKeyKey: to(apiKeys),
      state: d.enumText(DELIVERY_STATES).notNull(),
      recipient: d.json<DeliveryRecipient>().notNull(),
      /** Markdown; empty: none. */
      letter: d.str().notNull(),
      locale: d.str().notNull(),
      columns: d.json<DeliveryColumn[]>().notNull(),
      groupBy: d.enumText(DELIVERY_GROUPS).notNull(),
      formats: d.json<DeliveryFormat[]>().notNull(),
      pageSize: d.enumText(PAGE_SIZES).notNull(),
      linesPerVolume: d.int().notNull(),
      /** Recipients of age, to whom the files are encrypted; empty: they are not. */
      encryptTo: d.json<string[]>().notNull(),
      /** The delivery that it continues: its key. */
      afterKey: d.ref(),
      /** Signatures that counted by then are in it, without those that were taken out since. */
      cutAt: d.instant().notNull(),
      counts: d.json<DeliveryCounts>().notNull(),
      sums: d.json<DeliverySums>().notNull(),
      weeded: d.json<DeliveryWeeded[]>().notNull(),
      /** Until then one process makes its files. */
      leaseUntil: d.instant(),
      /** How often that was begun: only the latest may finish. */
      attempts: d.int().notNull().default(0),
      /** How often it was begun and not ended, in a row. */
      lapses: d.int().notNull().default(0),
      /** The attempt that has made its files, whose number is in the name of their folder. */
      edition: d.int(),
      failure: d.enumText(DELIVERY_FAILURES),
      /** When its files were finished. */
      readyAt: d.instant(),
      files: d.json<StoredFile[]>(),
      filesDeletedAt: d.instant(),
      manifest: d.str(),
      manifestSha256: d.str(),
      /** Base64. */
      signature: d.str(),
      keyId: d.str(),
      /** The Merkle root over its lines, in hexadecimal digits. */
      root: d.str(),
      timestamp: d.enumText(TIMESTAMPS),
      sending: d.json<DeliverySending>(),
      method: d.enumText(DELIVERY_METHODS),
      sentAt: d.instant(),
      /** Where a mail with the link goes. Not public. */
      email: d.str(),
      linkDays: d.int(),
      place: d.str(),
      photoUrl: d.str(),
      note: d.str(),
      /** `YYYY-MM-DD`, as told by those who handed it over. */
      handedOverOn: d.str(),
      openedAt: d.instant(),
      acknowledgedAt: d.instant(),
      acknowledgedBy: d.enumText(RECEIPT_SOURCES),
      acknowledgedCount: d.int(),
      acknowledgedText: d.str(),
      acknowledgedOn: d.str(),
      cancelledAt: d.instant(),
      createdAt: d.instant().notNull(),
      updatedAt: d.instant().notNull(),
    },
    (t) => [
      d.index('deliveries_petition').on(t.petitionKey, t.key),
      d.index('deliveries_organization').on(t.organizationKey, t.key),
      d
        .index('deliveries_preparing')
        .on(t.key)
        .where(d.sql`state = 'preparing'`),
      d.check('deliveries_state_known', oneOf(d, 'state', DELIVERY_STATES)),
    ],
  );

  /** Which signature is on which line. Without a salt it can no longer be proven: its signer was erased. */
  const deliveryLines = d.table(
    'delivery_lines',
    {
      deliveryKey: to(deliveries).notNull(),
      number: d.int().notNull(),
      signatureKey: to(signatures).notNull(),
      /** A salted hash of what the line says, by which it is noticed that its signer has changed something. */
      said: d.bytes().notNull(),
      salt: d.bytes(),
    },
    (t) => [
      d.primaryKey({ columns: [t.deliveryKey, t.number] }),
      d.index('delivery_lines_signature').on(t.signatureKey, t.deliveryKey),
    ],
  );

  /** Lines of earlier deliveries that a later one has told to be void. */
  const deliveryStrikes = d.table(
    'delivery_strikes',
    {
      deliveryKey: to(deliveries).notNull(),
      /** The earlier delivery and its line. */
      earlierKey: to(deliveries).notNull(),
      number: d.int().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.deliveryKey, t.earlierKey, t.number] })],
  );

  /** The links that were mailed, as hashes: several where a mail was sent again. */
  const deliveryLinks = d.table(
    'delivery_links',
    {
      /** SHA-256 of the token. */
      hash: d.bytes().primaryKey(),
      deliveryKey: to(deliveries).notNull(),
      createdAt: d.instant().notNull(),
      expiresAt: d.instant().notNull(),
    },
    (t) => [d.index('delivery_links_delivery').on(t.deliveryKey)],
  );

  /** What was done through a link. */
  const deliveryUses = d.table(
    'delivery_uses',
    {
      key: d.key(),
      deliveryKey: to(deliveries).notNull(),
      what: d.enumText(DELIVERY_USES).notNull(),
      file: d.str(),
      at: d.instant().notNull(),
    },
    (t) => [d.index('delivery_uses_delivery').on(t.deliveryKey, t.key)],
  );

  return { deliveries, deliveryLines, deliveryStrikes, deliveryLinks, deliveryUses };
}
