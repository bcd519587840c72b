import type { Transfer } from './growth-transfers.js';

/** The results at one number of signatures. Milliseconds are medians of sequential requests. */
export type Growth = {
  rows: number;
  fill_rows_per_s: number;
  sign_rps: number;
  sign_p99_ms: number;
  read_rps: number;
  /** The public list of the largest petition, a hundred a page: the first page, and one in the middle. */
  list_ms: number;
  list_deep_ms: number;
  /** The same for the organization's own list. */
  organiser_ms: number;
  organiser_deep_ms: number;
  file_bytes: number;
  bytes_per_row: number;
  rss_mb: number;
};

const pad = (values: (string | number)[]) => values.map((value) => String(value).padStart(11)).join('');
export const HEADER = pad([
  'rows',
  'filled/s',
  'sign/s',
  'p99 ms',
  'read/s',
  'list ms',
  'deep ms',
  'own ms',
  'deep ms',
  'MB',
  'bytes/row',
  'RSS MB',
]);
export const lineOf = (one: Growth) =>
  pad([
    one.rows.toLocaleString('en'),
    one.fill_rows_per_s,
    one.sign_rps,
    one.sign_p99_ms.toFixed(1),
    one.read_rps,
    one.list_ms,
    one.list_deep_ms,
    one.organiser_ms,
    one.organiser_deep_ms,
    Math.round(one.file_bytes / 1e6),
    one.bytes_per_row,
    one.rss_mb,
  ]);
export const TRANSFER_HEADER = `${'transfer'.padEnd(20)}${pad(['rows', 's', 'rows/s', 'RSS before', 'RSS half', 'RSS end', 'others/s', 'p50 ms', 'p99 ms'])}`;
export const transferLineOf = (one: Transfer) =>
  `${one.what.padEnd(20)}${pad([one.rows.toLocaleString('en'), one.seconds.toFixed(1), one.rows_per_s, one.rss_before_mb, one.rss_half_mb, one.rss_mb, one.others_rps ?? '', one.others_p50_ms?.toFixed(1) ?? '', one.others_p99_ms?.toFixed(1) ?? ''])}`;
