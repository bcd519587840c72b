import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import {
  PaperImportLine,
  PaperImportQuery,
  PaperImportResult,
} from '../../../schema/api/paper/paper-import.js';
import { ref } from '../../../schema/api/typebox.js';
import type { Context } from '../../core/context.js';
import { findForPaper } from '../../core/paper/paper-entering.js';
import { importPaper, NO_PAPER, type PaperTally } from '../../core/paper/paper-import.js';
import { keyed } from '../auth.js';
import { CSV, csvFile, lineFile, NDJSON } from '../openapi/line-files.js';
import { operation } from '../openapi/operation.js';
import { answerImport, fileOf, readingOf, takesFiles } from '../signatures/import-request.js';
import { readImportFile } from '../signatures/signature-import-lines.js';
import type { ReportShape } from '../signatures/signature-import-report.js';
import { afterPaperStop, PAPER_FILE } from './paper-file.js';

const FILES = {
  [CSV]: csvFile(
    'With a header that names fields of `PaperImportLine`, or columns as other systems call them; encodings and separators as in `importSignatures`.',
    'name,postal_code,sheet,signed_on\r\nAda Okonkwo,1012 AB,Sheet 12,2026-11-21\r\n',
  ),
  [NDJSON]: lineFile(PaperImportLine, 'One `PaperImportLine` per line, as JSON.'),
};

const RESULTS = {
  description: 'The result for the lines.',
  content: {
    'application/json': { schema: ref(PaperImportResult) },
    [NDJSON]: lineFile(PaperImportResult, 'One `PaperImportResult` per line, as JSON.'),
  },
};

const REPORT: ReportShape<PaperTally> = {
  none: NO_PAPER,
  toResult: ({ batchId, leftOut, ...rest }) => ({ batch_id: batchId, ...rest, left_out: leftOut }),
  afterStop: afterPaperStop,
};

export const secretPaperImportRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const files = takesFiles(app);

    app.post(
      '/v1/paper-signatures/import',
      {
        config: { scope: 'paper:write', takesSignatures: true },
        ...files,
        schema: operation({
          operationId: 'importPaperSignatures',
          tag: 'Paper',
          access: 'secret',
          summary: 'Import signatures from paper',
          description: `Takes a file of any length, CSV or one \`PaperImportLine\` per line as JSON: what \`createPaperSignatures\` does for a few. The file is read as by \`importSignatures\`, and \`dry_run=true\` shows how.

It is one batch: if the connection breaks, or an error stops the import, all of it is taken back, and you can send it again; if that fails, too, \`batch_id\` is the batch that you must remove first. A line without a name is reported in \`problems\` and does not stop the others; so are the lines of a partner beyond its daily limit.

Lines with an \`external_id\` that was entered before are \`known\` and add nothing. Others cannot be recognised: sent twice, they count twice. Those that look alike are named in \`warnings\`; \`removePaperBatch\` removes what was sent by mistake.

With \`Accept: application/x-ndjson\` the progress is reported as by \`importSignatures\`.`,
          querystring: PaperImportQuery,
          files: FILES,
          answers: { 200: RESULTS },
          errors: [
            'petition_not_found',
            'vouching_not_agreed',
            'petition_taken_down',
            'petition_not_published',
            'petition_closed',
            'paper_batch_not_found',
          ],
        }),
      },
      async (request, reply) => {
        const { petition: ref, source = null, dry_run: dryRun = false } = request.query;
        const actor = keyed(request);
        const petition = await findForPaper(ctx.store.read, actor, ref, ctx.now());
        const { body, ...file } = fileOf(request);
        const reading = { ...file, ...readingOf(request.query, PAPER_FILE.columns) };
        const { lines, found } = readImportFile(body, reading, PAPER_FILE);
        const about = { petitionId: petition.publicId, dryRun, found, store: ctx.store };
        const from = { petition: petition.publicId, actor, apiKeyKey: actor.keyKey, source };
        return answerImport(request, reply, about, REPORT, (how) =>
          importPaper(ctx, { ...from, ...how }, lines),
        );
      },
    );
    done();
  };
