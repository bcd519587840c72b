/**
 * A worker that writes and reads the rows of a transfer with better-sqlite3 alone, as the measure for growth.ts: the same
 * rows into the same tables and indexes, and the same CSV, without HTTP, parsing, or any rule. It takes one order at a
 * time.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { V7Generator } from 'uuidv7';
import { encodeId, type IdPrefix } from '../schema/db/public-id.js';
import { signatureLines } from '../src/http/signatures/signature-columns.js';
import { connect } from '../src/store/sqlite-connection.js';
import { emailOf } from './email.js';

export type RawOrder =
  | { what: 'import'; petition: string; rows: number; first: number }
  | { what: 'export'; petition: string; to: string };
export type RawReport = { rows: number; seconds: number; cpuSeconds: number };

const [file = ''] = process.argv.slice(2);
/** Rows in a transaction. Sorted by address, so that neighbours in the index are written together. */
const CHUNK = 50_000;
const SLICE = 1000;
const SIGNED_AT = Date.parse('2026-01-02T03:04:05Z');

const db = connect(file);
db.pragma('synchronous = normal');
const ids = new V7Generator();
const newId = () => Buffer.from(ids.generate().bytes.buffer);

function findPetition(slug: string) {
  const found = db
    .prepare('select key, organization_key as organization from petitions where slug = ?')
    .get(slug);
  return found as { key: number; organization: number };
}

function importRows(petition: string, rows: number, first: number): number {
  const { key, organization } = findPetition(petition);
  const supporter = db.prepare(
    'insert into supporters (public_id, identity, delivery, link_epoch, created_at) values (?, ?, ?, 0, ?)',
  );
  const contact = db.prepare(
    'insert into contacts (supporter_key, organization_key, name, country, created_at, updated_at) values (?, ?, ?, ?, ?, ?)',
  );
  const signature = db.prepare(
    `insert into signatures (public_id, petition_key, supporter_key, status, display, hidden, name, country, source,
      collector_key, external_id, created_at, confirmed_at)
      values (?, ?, ?, 'confirmed', 'initials', 0, ?, ?, 'growth', ?, ?, ?, ?)`,
  );
  const write = db.transaction((people: { n: number; email: string }[]) => {
    const now = Date.now();
    for (const { n, email } of people) {
      const { lastInsertRowid: who } = supporter.run(newId(), email, email, now);
      contact.run(who, organization, 'Ada Okonkwo', 'NL', now, now);
      const from = [organization, `sheet-${n}`, SIGNED_AT, SIGNED_AT];
      signature.run(newId(), key, who, 'Ada Okonkwo', 'NL', ...from);
    }
  });
  for (let from = first; from < first + rows; from += CHUNK) {
    const length = Math.min(CHUNK, first + rows - from);
    const people = Array.from({ length }, (_, i) => ({ n: from + i, email: emailOf(from + i) }));
    write.immediate(people.sort((a, b) => (a.email < b.email ? -1 : 1)));
  }
  return rows;
}

type Row = Record<string, string | number | null> & { key: number };

/** Everything that a line of the export tells, of a thousand signatures after a key. */
const SELECT = `select s.key, s.public_id as id, p.public_id as petition, u.public_id as supporter, s.status, u.delivery,
    s.name, s.country, s.postal_code, s.postal_address, s.phone, s.comment, s.display, s.source, s.utm,
    o.public_id as collector, m.public_id as mailing, s.hidden, s.external_id, s.created_at, s.confirmed_at,
    s.withdrawn_at, q.score, q.signals
  from signatures s join petitions p on p.key = s.petition_key left join supporters u on u.key = s.supporter_key
    left join organizations o on o.key = s.collector_key left join mailings m on m.key = s.mailing_key
    left join suspicions q on q.signature_key = s.key
  where s.petition_key = ? and s.status = 'confirmed' and s.key > ? order by s.key limit ${SLICE}`;

const id = (prefix: IdPrefix, value: unknown) => (value === null ? '' : encodeId(prefix, value as Buffer));
const time = (value: unknown) => (value === null ? '' : new Date(value as number).toISOString());

/** A line of the export. The rows of the bench have no address, phone or labels, and need no quotes. */
const lineOf = (r: Row): string =>
  `${id('sig', r['id'])},${id('pet', r['petition'])},${id('sup', r['supporter'])},${r['status']},${r['delivery']},${r['name']},${r['country'] ?? ''},${r['postal_code'] ?? ''},,,,${r['phone'] ?? ''},,${r['comment'] ?? ''},${r['display']},${r['source'] ?? ''},,,,,,${id('org', r['collector'])},full,${id('mlg', r['mailing'])},${r['hidden'] === 1},${r['external_id'] ?? ''},${time(r['created_at'])},${time(r['confirmed_at'])},${time(r['withdrawn_at'])},,\r\n`;

function exportRows(petition: string, to: string): number {
  const { key } = findPetition(petition);
  const select = db.prepare<[number, number], Row>(SELECT);
  const out = openSync(to, 'w');
  writeSync(out, signatureLines().header);
  let rows = 0;
  for (let edge = 0; ;) {
    const slice = select.all(key, edge);
    let text = '';
    for (const row of slice) text += lineOf(row);
    writeSync(out, text);
    rows += slice.length;
    edge = slice.at(-1)?.key ?? edge;
    if (slice.length < SLICE) break;
  }
  closeSync(out);
  return rows;
}

process.on('message', (order: RawOrder) => {
  const begun = performance.now();
  const before = process.cpuUsage();
  const rows =
    order.what === 'import'
      ? importRows(order.petition, order.rows, order.first)
      : exportRows(order.petition, order.to);
  const { user, system } = process.cpuUsage(before);
  process.send?.({ rows, seconds: (performance.now() - begun) / 1000, cpuSeconds: (user + system) / 1e6 });
});
process.send?.('ready');
