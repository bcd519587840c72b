import { createHash } from 'node:crypto';
import type { Tables } from '../../../schema/db/tables.js';
import type { DisclosedField } from '../../../schema/db/tables/petitions.js';
import type { DeliveryColumn } from '../../../schema/db/tables/deliveries.js';
import { leadSeesOf, type Terms } from '../partners/partner-terms.js';
import type { Told } from '../petitions/disclosures.js';
import { initials } from '../signatures/signatures.js';
import { undirected } from '../typed-text.js';

/* How a signature is shown to those whom the petition addresses. */

type Row = Pick<
  Tables['signatures']['$inferSelect'],
  | 'key'
  | 'publicId'
  | 'name'
  | 'display'
  | 'hidden'
  | 'country'
  | 'comment'
  | 'postalCode'
  | 'postalAddress'
  | 'createdAt'
  | 'importKey'
  | 'apiKeyKey'
  | 'collectorKey'
> & { collector: string | null };

/** What signers were told before they signed that it would be handed over, beyond what is always shown. */
export type ToldFields = (signature: Told) => readonly DisclosedField[];

/** A line without its number. Country and partner are always there, since they are counted. */
export type Line = {
  /** Null: counted, and not named. */
  name: string | null;
  country: string | null;
  region?: string | null;
  postal_code?: string | null;
  city?: string | null;
  /** `YYYY-MM-DD`, in UTC. */
  date?: string | null;
  comment?: string | null;
  /** The partner that collected it; null: the lead, or no organization. */
  partner: string | null;
};

/** A salted hash of a line, without its number: another one as soon as its signer changes what it says. */
export const saidBy = (line: Line, salt: Buffer): Buffer =>
  createHash('sha256').update(salt).update(JSON.stringify(line)).digest().subarray(0, 16);

/** A signature of a cut. Without a line it is counted alone: `by` names the partner whose terms say so. */
export type Entry = {
  signatureKey: number;
  publicId: string;
} & ({ line: Line; by?: undefined } | { line?: undefined; by: string | null });

type Showing = { leadKey: number; terms: Terms; told: ToldFields; columns: readonly DeliveryColumn[] };

/**
 * The name is as its signer chose to show it, unless they were told before that the whole name is handed over. Who wants
 * to be in no list, and whom a partner collected under terms of numbers alone, has no line. A line without a name says
 * nothing but its day and its partner, so that no one is recognised by it.
 */
export function entryOf(row: Row, { leadKey, terms, told, columns }: Showing): Entry {
  const { key: signatureKey, publicId } = row;
  const about = { signatureKey, publicId };
  const sees = leadSeesOf(terms, row);
  if (sees === 'counts') return { ...about, by: row.collector };
  const fields = told(row);
  const isWhole = fields.includes('full_name');
  // Of an erased signer there is nothing left to show, whatever was told.
  if (row.hidden === 1 && (!isWhole || row.name === '')) return { ...about, by: null };
  const name = nameOf(row, isWhole);
  const isNamed = name !== null;
  const has = (column: DeliveryColumn) => columns.includes(column);
  const address = sees === 'full' ? row.postalAddress : null;
  const partner = row.collectorKey === leadKey ? null : row.collector;
  const line: Line = { name, country: isNamed ? row.country : null, partner };
  if (has('region')) line.region = isNamed && fields.includes('region') ? (address?.region ?? null) : null;
  if (has('postal_code')) {
    line.postal_code = isNamed && fields.includes('postal_code') ? row.postalCode : null;
  }
  if (has('city')) line.city = isNamed && fields.includes('city') ? (address?.city ?? null) : null;
  if (has('date')) line.date = row.createdAt.toISOString().slice(0, 10);
  if (has('comment')) line.comment = isNamed ? row.comment : null;
  return { ...about, line };
}

/** Null: not to be named, or anonymised since. */
function nameOf({ name, display }: Row, isWhole: boolean): string | null {
  if (name === '' || (display === 'anonymous' && !isWhole)) return null;
  return display === 'initials' && !isWhole ? initials(name) : undirected(name);
}
