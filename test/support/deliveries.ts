import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import type { Test } from 'tap';
import { saltOf } from './delivery-names.js';
import { CsvReader, unescapeFormula } from '../../src/core/csv.js';
import type { Delivery, DeliveryLine } from '../../src/deliveries/delivery.js';
import { loadLocales } from '../../src/mail/load-locales.js';

/* What tests of deliveries share. Poppler reads the PDFs: pdftotext and pdfinfo, of poppler-utils. */

export function folderFor(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-delivery-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** One line; what is not said is empty. */
export const lineOf = (number: number, line: Partial<DeliveryLine> = {}): DeliveryLine => ({
  number,
  salt: saltOf(number),
  name: `Signer ${number}`,
  country: 'DE',
  ...line,
});

export const linesOf = (...names: (string | null)[]): DeliveryLine[] =>
  names.map((name, i) => lineOf(i + 1, { name }));

const locales = loadLocales();

export const deliveryOf = (lines: readonly DeliveryLine[], more: Partial<Delivery> = {}): Delivery => ({
  id: 'dlv_01j00000000000000000000001',
  petition: 'pet_01j00000000000000000000001',
  after: null,
  unlisted: { hidden: 0, partners: [], paper: 0, elsewhere: 0 },
  weeded: [],
  struck: [],
  encryptTo: [],
  organization: 'River Meadows e.V.',
  title: 'Keep the meadow',
  statement: 'We ask the council to **keep** the meadow.',
  coverLetter: 'Dear Mayor,\n\nhere are the names.',
  recipient: 'The Mayor',
  cutAt: '2026-11-28T12:00:00Z',
  locale: 'en',
  words: locales.pick(more.locale ?? 'en').delivery,
  pageSize: 'A4',
  columns: ['country'],
  groupBy: 'none',
  sums: { country: null, partner: null },
  lines: lines.length,
  linesPerVolume: 10_000,
  formats: ['pdf', 'csv', 'json'],
  ...more,
});

/** The text of a PDF as readers copy it, page by page. */
export const pagesOf = (path: string): string[] =>
  execFileSync('pdftotext', ['-layout', path, '-'], { encoding: 'utf8', maxBuffer: 1e9 })
    // The marks of directions are pdftotext's own.
    .replace(/[\u202a-\u202e]/g, '')
    .split('\f')
    .slice(0, -1);

export const pdfInfo = (path: string, ...options: string[]): string =>
  execFileSync('pdfinfo', [...options, path], { encoding: 'utf8', maxBuffer: 1e9 });

/** The records of a CSV without its header, as the cells were before they were written. */
export function recordsIn(csv: string): string[][] {
  const reader = new CsvReader();
  const records = [...reader.read(csv.replace(/^\ufeff/, '')), ...reader.end()];
  return records.slice(1).map(({ cells }) => (cells ?? []).map(unescapeFormula));
}

/** The files of an archive, read from its directory. */
export function filesIn(path: string): Map<string, Buffer> {
  const zip = readFileSync(path);
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  const files = new Map<string, Buffer>();
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [method, packed] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20)];
    const [nameLength, extra, comment] = [28, 30, 32].map((field) => zip.readUInt16LE(at + field));
    const name = zip.toString('utf8', at + 46, at + 46 + (nameLength ?? 0));
    const local = zip.readUInt32LE(at + 42);
    const begin = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const data = zip.subarray(begin, begin + packed);
    files.set(name, method === 0 ? data : inflateRawSync(data));
    at += 46 + (nameLength ?? 0) + (extra ?? 0) + (comment ?? 0);
  }
  return files;
}
