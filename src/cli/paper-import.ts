import { importPaper, type PaperTally } from '../core/paper/paper-import.js';
import { afterPaperStop, PAPER_FILE } from '../http/paper/paper-file.js';
import { withContext } from './context.js';
import { importFile } from './import-file.js';
import type { ImportFlags } from './signature-import.js';
import { actorFor } from './signatures.js';

/** Enters the paper signatures of a file, or of stdin. The exit code is 1 if a line was refused. */
export const importPaperCommand = (file: string, flags: ImportFlags): Promise<void> =>
  withContext(async (ctx) => {
    const { petition, organization, source = null } = flags;
    const actor = await actorFor(ctx, petition, organization);
    await importFile(file, flags, {
      kind: PAPER_FILE,
      run: (lines, how) => importPaper(ctx, { petition, actor, apiKeyKey: null, source, ...how }, lines),
      sentenceOf,
      afterStop: afterPaperStop,
    });
  });

function sentenceOf({ lines, created, known, leftOut, failed, warned, batchId }: PaperTally): string {
  const batch = batchId === null ? '' : `; batch ${batchId}`;
  return `${lines} lines: ${created} created, ${known} known, ${leftOut} left out, ${failed} wrong; ${warned} to look at${batch}`;
}
