import { createHash } from 'node:crypto';
import { Type, type Static } from '@sinclair/typebox';
import { version as software } from '../../package.js';
import { COLUMNS, columnsOf, type Delivered, type Delivery } from '../delivery.js';

/*
 * What a manifest says: whoever has it can tell whether files are those that were handed over. It is not encrypted, so
 * nothing in it is about a person who signed. Fields may be added; a changed meaning is another version.
 */

const closed = { additionalProperties: false };
const text = (maxLength: number) => Type.String({ maxLength });
const count = () => Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const sha256 = () => Type.String({ pattern: '^[0-9a-f]{64}$' });
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);
/** No path: a manifest that was forged must not make its reader look elsewhere. */
const fileName = () => Type.String({ pattern: '^[a-z0-9][a-z0-9.-]{0,99}$' });

const ManifestFile = Type.Object({
  name: fileName(),
  volume: nullable(count()),
  bytes: count(),
  sha256: sha256(),
  /** The archive that it is in; null: it lies in the folder. */
  archive: nullable(fileName()),
  /** The file in its place, where it was encrypted; what is in an archive is encrypted with it. */
  encrypted: nullable(Type.Object({ name: fileName(), bytes: count(), sha256: sha256() }, closed)),
});

export const Manifest = Type.Object({
  version: Type.Literal(1),
  delivery: text(100),
  petition: text(100),
  organization: text(1_000),
  recipient: text(10_000),
  cut_at: text(40),
  made_at: text(40),
  software: text(100),
  key_id: text(100),
  statement_sha256: sha256(),
  columns: Type.Array(Type.Union(COLUMNS.map((column) => Type.Literal(column))), { maxItems: 20 }),
  counts: Type.Object({
    listed: count(),
    named: count(),
    unnamed: count(),
    hidden: count(),
    partners: Type.Array(Type.Object({ name: text(1_000), count: count() }), { maxItems: 100_000 }),
    paper: count(),
    elsewhere: count(),
    weeded: count(),
    struck: count(),
  }),
  files: Type.Array(ManifestFile, { maxItems: 100_000 }),
  merkle: Type.Object({ hash: Type.Literal('sha-256'), root: sha256(), size: count() }),
  after: nullable(Type.Object({ id: text(100), root: nullable(text(64)) })),
});
export type Manifest = Static<typeof Manifest>;

/** The names of the files beside a delivery. */
export const MANIFEST = 'manifest.json';
export const SIGNATURE = `${MANIFEST}.sig`;
export const TIMESTAMP = `${MANIFEST}.tsr`;

type More = { madeAt: Date; keyId: string; encrypted: ReadonlyMap<string, Encrypted> };
/** What a file became when it was encrypted. */
export type Encrypted = { name: string; bytes: number; sha256: string };

export function manifestOf(
  delivery: Delivery,
  delivered: Delivered,
  { madeAt, keyId, encrypted }: More,
): Manifest {
  const { lines, named, root } = delivered;
  const { hidden, partners, paper, elsewhere } = delivery.unlisted;
  const sum = (counts: readonly number[]) => counts.reduce((all, one) => all + one, 0);
  return {
    version: 1,
    delivery: delivery.id,
    petition: delivery.petition,
    organization: delivery.organization,
    recipient: delivery.recipient,
    cut_at: delivery.cutAt,
    made_at: madeAt.toISOString(),
    software: `undersigned ${software}`,
    key_id: keyId,
    statement_sha256: createHash('sha256').update(delivery.statement).digest('hex'),
    columns: columnsOf(delivery),
    counts: {
      listed: lines,
      named,
      unnamed: lines - named,
      hidden,
      partners: partners.map(({ name, count }) => ({ name, count })),
      paper,
      elsewhere,
      // Reasons are written by people, and may name some.
      weeded: sum(delivery.weeded.map(({ count }) => count)),
      struck: sum(delivery.struck.map(({ lines }) => lines.length)),
    },
    files: delivered.files.map(({ name, volume, bytes, sha256, archive }) => ({
      name,
      volume,
      bytes,
      sha256,
      archive,
      encrypted: encrypted.get(name) ?? null,
    })),
    merkle: { hash: 'sha-256', root, size: lines },
    after: delivery.after && { id: delivery.after.id, root: delivery.after.root },
  };
}

/** As it is written and signed: the names of fields in the order of the alphabet, two spaces for each depth. */
export const textOf = (manifest: Manifest): string => `${JSON.stringify(sorted(manifest), null, 2)}\n`;

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]));
}
