import { findAnyHead } from '../core/petitions/petition-lookup.js';
import type { ImportTally } from '../core/signatures/import-tally.js';
import { importSignatures } from '../core/signatures/signature-import.js';
import { isAskedBy } from '../core/signatures/signature-import-rules.js';
import { signatureFile } from '../http/signatures/signature-file.js';
import { withContext } from './context.js';
import { importFile, type FileFlags } from './import-file.js';
import { actorFor } from './signatures.js';

export type ImportFlags = FileFlags & { petition: string; organization?: string; source?: string };

/** Imports the signatures of a file, or of stdin. The exit code is 1 if a line was refused. */
export const importSignaturesCommand = (file: string, flags: ImportFlags): Promise<void> =>
  withContext(async (ctx) => {
    const { petition, organization, source = null } = flags;
    const actor = await actorFor(ctx, petition, organization);
    const head = await findAnyHead(ctx.store.read, petition);
    await importFile(file, flags, {
      kind: signatureFile(head?.formFields ?? []),
      isAsked: head && isAskedBy(head),
      run: (lines, how) => importSignatures(ctx, { petition, actor, apiKeyKey: null, source, ...how }, lines),
      sentenceOf,
    });
  });

function sentenceOf(tally: ImportTally): string {
  const { lines, created, quarantined, confirmed, alreadySigned, leftOut, accepted, failed, warned } = tally;
  const odd = quarantined > 0 ? `${quarantined} quarantined, ` : '';
  const what =
    accepted > 0
      ? `${accepted} accepted`
      : `${created} created, ${odd}${confirmed} confirmed, ${alreadySigned} had signed before`;
  const partly = warned > 0 ? `; ${warned} without a field that could not be read or is not asked for` : '';
  return `${lines} lines: ${what}, ${leftOut} left out, ${failed} wrong${partly}`;
}
