import type { DeliveryWords } from './words.js';

/* What a delivery is made of, and what comes out. Plain values only, since they are passed to another thread. */

/** The columns that can be chosen, by their names in the files. `number` and `name` are always there. */
export const COLUMNS = [
  'number',
  'name',
  'country',
  'region',
  'postal_code',
  'city',
  'date',
  'comment',
  'partner',
] as const;
export type Column = (typeof COLUMNS)[number];

/** One signature. Lines come in the order in which they are listed: sorted by group, where there are groups. */
export type DeliveryLine = {
  /** The place in the whole list, from 1, without gaps. */
  number: number;
  /** 16 random bytes as base64url, this line's alone: without them nobody can tell which leaf of the tree it is. */
  salt: string;
  /** As the signer chose to be shown; null: counted, and not named. */
  name: string | null;
  /** ISO 3166-1. */
  country: string | null;
  region?: string | null;
  postal_code?: string | null;
  city?: string | null;
  /** When it was signed: a day or an instant, in ISO 8601. */
  date?: string | null;
  comment?: string | null;
  /** The organization that collected it; null: the one that delivers. */
  partner?: string | null;
};

/** A count of lines; null: those without a country, or those that the organization itself collected. */
export type Sum = { key: string | null; count: number };

/** What counts without being on a line. */
export type Unlisted = {
  /** Of signers who do not want to be on a list. */
  hidden: number;
  /** Collected by organizations that keep the names. */
  partners: readonly { name: string; count: number }[];
  paper: number;
  elsewhere: number;
};

export const GROUPS = ['none', 'country', 'region', 'postal_area'] as const;
export const FORMATS = ['pdf', 'csv', 'json'] as const;
export type Format = (typeof FORMATS)[number];

export type Delivery = {
  /** dlv_… */
  id: string;
  /** pet_… */
  petition: string;
  /** The delivery that this one continues; `root`: of its tree, if it has one. Null: the list has all lines. */
  after: { id: string; root: string | null } | null;
  organization: string;
  title: string;
  /** Markdown. */
  statement: string;
  /** Markdown; empty: none. */
  coverLetter: string;
  recipient: string;
  /** The instant up to which signatures are in the list, in ISO 8601. */
  cutAt: string;
  /** For dates, numbers and names of countries. Dates are those of UTC. */
  locale: string;
  words: DeliveryWords;
  pageSize: 'A4' | 'LETTER';
  columns: readonly Column[];
  groupBy: (typeof GROUPS)[number];
  /** Shown before the list, and compared with it at the end. Null: not shown. */
  sums: { country: readonly Sum[] | null; partner: readonly Sum[] | null };
  /** Signatures that count, and are on no line: of the same time as the lines. */
  unlisted: Unlisted;
  /** Taken out since the cut, by the reason that was given; '': without one. */
  weeded: readonly { reason: string; count: number }[];
  /** Lines of earlier deliveries that no longer hold, by their numbers there. */
  struck: readonly { delivery: string; lines: readonly number[] }[];
  /** Recipients of age (age1…), for whom the files are encrypted when they are sealed. Empty: they are not. */
  encryptTo: readonly string[];
  /** How many lines will come: it is said in the files before they do. */
  lines: number;
  linesPerVolume: number;
  formats: readonly Format[];
};

export type DeliveryFile = {
  name: string;
  /** From 1; null: it is of all volumes. */
  volume: number | null;
  bytes: number;
  /** In hexadecimal digits. */
  sha256: string;
  /** The archive that it is in; null: it lies in the folder. */
  archive: string | null;
};

export type Delivered = {
  files: DeliveryFile[];
  lines: number;
  /** How many of them have a name. */
  named: number;
  /** Of the Merkle tree of RFC 6962 over the lines, in hexadecimal digits. */
  root: string;
  /** The numbers of the lines whose names no font can draw: the PDF refers to the CSV for them. */
  notDrawn: number[];
};

/** The tree of the lines, which stays with the organization: `readBranch` reads from it. No line is in it, only hashes. */
export const TREE = 'signatures.tree';

/** What went wrong with a delivery, said without anything from its lines. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
}

export const volumesOf = ({ lines, linesPerVolume }: Delivery): number =>
  Math.max(1, Math.ceil(lines / linesPerVolume));

/** The columns of the files, in their order. */
export const columnsOf = ({ columns }: Pick<Delivery, 'columns'>): Column[] => [
  ...new Set<Column>(['number', 'name', ...columns]),
];

export const unlistedIn = ({ unlisted: { hidden, partners, paper, elsewhere } }: Delivery): number =>
  partners.reduce((sum, { count }) => sum + count, hidden + paper + elsewhere);
