import type { Signature } from '../../../schema/api/signatures/signatures.js';
import { csvCell, rawCsvCell } from '../../core/csv.js';
import { answerColumn, answerTo } from '../../core/signatures/answers.js';
import type { SignatureView } from '../../core/signatures/signature-views.js';
import { toSignature } from './signatures.js';

/* Writes signatures as lines of a file, CSV or NDJSON. */

type Wire = (typeof Signature)['static'];
type Cell = string | number | boolean | null | undefined;

/**
 * The columns of the CSV: the members of a `Signature`, with several columns for nested ones. Those for the answers to a
 * petition's own fields come last.
 */
const COLUMNS: Record<string, (one: Wire) => Cell> = {
  id: (one) => one.id,
  petition_id: (one) => one.petition_id,
  supporter_id: (one) => one.supporter_id,
  status: (one) => one.status,
  email: (one) => one.email,
  name: (one) => one.name,
  country: (one) => one.country,
  postal_code: (one) => one.postal_code,
  postal_address_lines: (one) => one.postal_address?.lines.join('\n'),
  postal_address_city: (one) => one.postal_address?.city,
  postal_address_region: (one) => one.postal_address?.region,
  phone: (one) => one.phone,
  phone_e164: (one) => one.phone_e164,
  comment: (one) => one.comment,
  display: (one) => one.display,
  source: (one) => one.source,
  utm_source: (one) => one.utm?.source,
  utm_medium: (one) => one.utm?.medium,
  utm_campaign: (one) => one.utm?.campaign,
  utm_term: (one) => one.utm?.term,
  utm_content: (one) => one.utm?.content,
  collector_id: (one) => one.collector_id,
  shown: (one) => one.shown,
  mailing_id: (one) => one.mailing_id,
  hidden: (one) => one.hidden,
  external_id: (one) => one.external_id,
  created_at: (one) => one.created_at,
  confirmed_at: (one) => one.confirmed_at,
  withdrawn_at: (one) => one.withdrawn_at,
  suspicion_score: (one) => one.suspicion?.score,
  suspicion_signals: (one) => one.suspicion?.signals.join(' '),
};

const CELLS = Object.values(COLUMNS);

export const CSV_COLUMNS: readonly string[] = Object.keys(COLUMNS);

export const csvHeader = (ownFields: readonly string[] = []): string =>
  `${[...CSV_COLUMNS, ...ownFields.map((name) => answerColumn(name))].join(',')}\r\n`;
export const BOM = '\uFEFF';

export function csvLine(view: SignatureView, ownFields: readonly string[] = [], cellText = csvCell): string {
  const one = toSignature(view);
  let text = '';
  for (const [i, cellOf] of CELLS.entries()) {
    if (i > 0) text += ',';
    text += textOf(cellOf(one), cellText);
  }
  for (const name of ownFields) text += `,${textOf(answerTo(one.answers, name), cellText)}`;
  return `${text}\r\n`;
}

const textOf = (cell: Cell, cellText: typeof csvCell): string =>
  typeof cell === 'string' ? cellText(cell) : cell == null ? '' : String(cell);

export const jsonLine = (view: SignatureView): string => `${JSON.stringify(toSignature(view))}\n`;

export type LineFormat = {
  format: 'csv' | 'ndjson';
  bom?: boolean | undefined;
  /** `raw`: for programs that run no formulas, and take an apostrophe for a part of the text. */
  formulas?: 'escaped' | 'raw' | undefined;
};

/** The name of a file of the petition's signatures. */
export const exportName = (slug: string, format: LineFormat['format'], at: Date): string =>
  `${slug}-${at.toISOString().slice(0, 10)}.${format}`;

/** The text of a file, one slice at a time. Unless it throws, it is complete. */
export async function* fileOf(
  slices: AsyncIterable<readonly SignatureView[]>,
  { format, bom = false, formulas, ownFields }: LineFormat & { ownFields: readonly string[] },
): AsyncGenerator<string, void, undefined> {
  const cellText = formulas === 'raw' ? rawCsvCell : csvCell;
  const lineOf = format === 'csv' ? (view: SignatureView) => csvLine(view, ownFields, cellText) : jsonLine;
  if (format === 'csv') yield (bom ? BOM : '') + csvHeader(ownFields);
  for await (const slice of slices) yield slice.map(lineOf).join('');
}
