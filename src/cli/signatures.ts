import { createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SignatureStatus } from '../../schema/db/tables/signatures.js';
import { NO_KEY, type KeyedActor } from '../core/actor.js';
import type { Context } from '../core/context.js';
import { listOrganizations } from '../core/organization/organizations.js';
import { findAnyHead } from '../core/petitions/petition-lookup.js';
import { exportSignatures } from '../core/signatures/signature-export.js';
import { exportName } from '../http/line-files.js';
import { signatureLines } from '../http/signatures/signature-columns.js';
import { withContext } from './context.js';
import { progressBar } from './progress-bar.js';

export type Format = 'csv' | 'ndjson';

/** Commands may act for any organization: the one with this slug, or the lead organization of the petition. */
export async function actorFor(ctx: Context, petition: string, slug?: string): Promise<KeyedActor> {
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
  formulas?: 'escaped' | 'raw';
  status?: SignatureStatus[];
  out?: string;
};

/** Exports all signatures of a petition to a file or to stdout. The file appears only when it is complete. */
export const exportSignaturesCommand = ({ petition, organization, status, out, ...flags }: ExportFlags) =>
  withContext(async (ctx) => {
    const actor = await actorFor(ctx, petition, organization);
    const filter = { statuses: status };
    const { slug, ownFields, about, slices } = await exportSignatures(ctx, actor, petition, filter);
    const bar = progressBar();
    let rows = 0;
    async function* watched() {
      for await (const slice of slices) {
        bar.add('Exporting', slice.length, about);
        rows += slice.length;
        yield slice;
      }
    }
    const isFolder = out !== undefined && existsSync(out) && statSync(out).isDirectory();
    const file = isFolder ? join(out, exportName(slug, flags.format, ctx.now())) : out;
    await write(signatureLines(ownFields).write(watched(), flags), file).finally(() => bar.clear());
    console.error(`${rows} signatures exported`);
  });

async function write(file: AsyncIterable<string>, out: string | undefined): Promise<void> {
  const text = Readable.from(file, { objectMode: false });
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
