import { createReadStream, createWriteStream, renameSync, rmSync, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SignatureStatus } from '../../schema/db/tables/signatures.js';
import { NO_KEY, type KeyedActor } from '../core/actor.js';
import type { Context } from '../core/context.js';
import { listOrganizations } from '../core/organization/organizations.js';
import { findAnyHead } from '../core/petitions/petition-lookup.js';
import { exportSignatures } from '../core/signatures/signature-export.js';
import { importSignatures, type ImportTally } from '../core/signatures/signature-import.js';
import type { SignatureView } from '../core/signatures/signature-views.js';
import { ApiError } from '../errors.js';
import { linesOf } from '../http/signatures/signature-import-lines.js';
import { fileOf } from '../http/signatures/signature-columns.js';
import { withContext } from './context.js';
import { progressBar } from './progress-bar.js';

type Format = 'csv' | 'ndjson';

/** Commands may act for any organization: the one with this slug, or the lead organization of the petition. */
async function actorFor(ctx: Context, petition: string, slug?: string): Promise<KeyedActor> {
  const found = await findAnyHead(ctx.store.read, petition);
  if (!found) throw new Error('there is no such petition');
  const all = await listOrganizations(ctx.store.read);
  const one = all.find((one) => (slug === undefined ? one.key === found.organizationKey : one.slug === slug));
  if (!one) throw new Error('there is no such organization: see `undersigned organizations list`');
  const { key: organizationKey, publicId: organizationId } = one;
  const as = { kind: 'secret', keyKey: NO_KEY, keyId: '', scopes: ['signatures:read'], origins: [] } as const;
  return { ...as, organizationKey, organizationId };
}

export type ExportFlags = {
  petition: string;
  organization?: string;
  format: Format;
  bom?: boolean;
  status?: SignatureStatus[];
  out?: string;
};

/** Exports all signatures of a petition to a file or to stdout. The file appears only when it is complete. */
export const exportSignaturesCommand = ({ petition, organization, status, out, ...flags }: ExportFlags) =>
  withContext(async (ctx) => {
    const actor = await actorFor(ctx, petition, organization);
    const filter = { statuses: status };
    const { about, slices } = await exportSignatures(ctx, actor, petition, filter);
    const bar = progressBar();
    let rows = 0;
    async function* watched() {
      for await (const slice of slices) {
        bar.add('Exporting', slice.length, about);
        rows += slice.length;
        yield slice;
      }
    }
    await write(watched(), flags, out).finally(() => bar.clear());
    console.error(`${rows} signatures exported`);
  });

async function write(
  slices: AsyncIterable<SignatureView[]>,
  flags: { format: Format; bom?: boolean },
  out: string | undefined,
): Promise<void> {
  const text = Readable.from(fileOf(slices, flags), { objectMode: false });
  if (out === undefined) return pipeline(text, process.stdout, { end: false });
  const part = `${out}.part`;
  try {
    await pipeline(text, createWriteStream(part, { flush: true }));
    renameSync(part, out);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

export type ImportFlags = {
  petition: string;
  organization?: string;
  format?: Format;
  source?: string;
  fast?: boolean;
};

/** Leaves half of the time to a running server. */
const GENTLE = { chunkMs: 50, restMs: 50 };
const FAST = { chunkMs: 1000, restMs: 0 };

/** Imports the signatures of a file, or of stdin. The exit code is 1 if a line was invalid. */
export const importSignaturesCommand = (file: string, flags: ImportFlags): Promise<void> =>
  withContext(async (ctx) => {
    const { petition, organization, source = null, fast } = flags;
    const actor = await actorFor(ctx, petition, organization);
    const bar = progressBar();
    const bytes = file === '-' ? process.stdin : createReadStream(file);
    const size = file === '-' ? 0 : statSync(file).size;
    let [read, last] = [0, 0];
    async function* watched() {
      for await (const piece of bytes as AsyncIterable<Buffer>) {
        read += piece.length;
        yield piece;
      }
    }
    const onProgress = ({ lines }: ImportTally) => {
      bar.add('Importing', lines - last, lines * (size / Math.max(1, read)));
      last = lines;
    };
    const onError = ({ line, field, detail }: { line: number; field: string; detail: string }) => {
      bar.clear();
      // Only the line number is printed: personal data must stay out of terminals and logs.
      console.error(`line ${line}${field && `, ${field}`}: ${detail}`);
    };
    const input = {
      petition,
      actor,
      apiKeyKey: null,
      source,
      ...(fast ? FAST : GENTLE),
      onError,
      onProgress,
    };
    const tally = await importSignatures(ctx, input, linesOf(watched(), flags.format ?? formatOf(file)))
      .catch((error: unknown) => {
        throw error instanceof ApiError && error.details.errors ? new Error(headerOf(error)) : error;
      })
      .finally(() => bar.clear());
    console.log(sentenceOf(tally));
    if (tally.failed > 0) process.exitCode = 1;
  });

const formatOf = (file: string): Format => (/\.(?:ndjson|jsonl|json)$/i.test(file) ? 'ndjson' : 'csv');

const headerOf = ({ details: { errors = [] } }: ApiError): string =>
  errors.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('\n');

function sentenceOf(tally: ImportTally): string {
  const { lines, created, quarantined, confirmed, alreadySigned, leftOut, accepted, failed } = tally;
  const odd = quarantined > 0 ? `${quarantined} quarantined, ` : '';
  const what =
    accepted > 0
      ? `${accepted} accepted`
      : `${created} created, ${odd}${confirmed} confirmed, ${alreadySigned} had signed before`;
  return `${lines} lines: ${what}, ${leftOut} left out, ${failed} wrong`;
}
