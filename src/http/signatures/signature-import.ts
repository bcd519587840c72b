import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import {
  SignatureImportLine,
  SignatureImportQuery,
  SignatureImportResult,
} from '../../../schema/api/signatures/signature-import.js';
import { ref } from '../../../schema/api/typebox.js';
import type { Context } from '../../core/context.js';
import { findSharedHead } from '../../core/partners/partnerships.js';
import { findVouching } from '../../core/partners/vouching.js';
import { assertSignable } from '../../core/petitions/petition-life.js';
import { NO_LINES, type ImportTally } from '../../core/signatures/import-tally.js';
import { importSignatures } from '../../core/signatures/signature-import.js';
import { isAskedBy } from '../../core/signatures/signature-import-rules.js';
import { keyed } from '../auth.js';
import { CSV, csvFile, lineFile, NDJSON } from '../openapi/line-files.js';
import { operation } from '../openapi/operation.js';
import { answerImport, fileOf, readingOf, takesFiles } from './import-request.js';
import { signatureFile } from './signature-file.js';
import { readImportFile } from './signature-import-lines.js';
import type { ReportShape } from './signature-import-report.js';

const FILES = {
  [CSV]: csvFile(
    'With a header that names fields of `SignatureImportLine`, or columns as other systems call them. UTF-8, UTF-16 or Windows-1252, or what `charset` in the Content-Type names; separated by commas, semicolons or tabs.',
    'email,name,country,created_at\r\nada@example.org,Ada Okonkwo,NL,2026-11-21T14:05:00Z\r\n',
  ),
  [NDJSON]: lineFile(SignatureImportLine, 'One `SignatureImportLine` per line, as JSON.'),
};

const RESULTS = {
  description: 'The result for the lines.',
  content: {
    'application/json': { schema: ref(SignatureImportResult) },
    [NDJSON]: lineFile(SignatureImportResult, 'One `SignatureImportResult` per line, as JSON.'),
  },
};

/** How an import is reported. */
const REPORT: ReportShape<ImportTally> = {
  none: NO_LINES,
  toResult: ({ importId, alreadySigned, leftOut, ...rest }) => ({
    import_id: importId,
    ...rest,
    already_signed: alreadySigned,
    left_out: leftOut,
  }),
  afterStop: ({ created, quarantined, confirmed, accepted }) => {
    const stored = created + quarantined + confirmed + accepted;
    return stored > 0 ? `${stored} signatures are stored: send the file again to go on.` : '';
  },
};

export const secretSignatureImportRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const files = takesFiles(app);

    app.post(
      '/v1/signatures/import',
      {
        config: { scope: 'signatures:vouch', takesSignatures: true },
        ...files,
        schema: operation({
          operationId: 'importSignatures',
          tag: 'Signatures',
          access: 'secret',
          summary: 'Import signatures that were collected elsewhere',
          description: `Takes a file of any length, CSV or one \`SignatureImportLine\` per line as JSON, and processes it as it arrives. You vouch for its signatures: they count at once, as if each were sent to \`signPetition\` with \`vouched\`, and nothing is mailed. A partner may import if that was agreed (\`may_vouch\`); signatures beyond its daily limit are quarantined. Data that supporters have entered themselves is not overwritten. If some signatures of the petition are hidden from you, only the number of \`accepted\` lines is returned: a partner does not see the signatures of others, the lead organization not those of partners whose terms are \`names\` or \`counts\`. A person who has already signed counts once.

A line without an address or a name is reported in \`problems\` with its number, and does not stop the others. Other fields that cannot be read are left out of the signature, and reported in \`warnings\`. To see how a file would be read, send it with \`dry_run=true\`.

Lines are stored in batches while the file arrives: if the connection breaks, or an error occurs on the way, send the whole file again. No person counts twice, so you need not keep track of what was stored.

With \`Accept: application/x-ndjson\` the answer begins at once: one \`SignatureImportResult\` per line, about every second, with the problems since the previous one. Only the last one is \`complete\`, or has \`stopped\` with the reason.`,
          querystring: SignatureImportQuery,
          files: FILES,
          answers: { 200: RESULTS },
          errors: [
            'petition_not_found',
            'vouching_not_agreed',
            'petition_taken_down',
            'petition_not_published',
            'petition_not_open',
            'petition_closed',
          ],
        }),
      },
      async (request, reply) => {
        const { petition: ref, source = null, dry_run: dryRun = false } = request.query;
        const actor = keyed(request);
        const petition = await findSharedHead(ctx.store.read, actor, ref);
        assertSignable(petition, ctx.now());
        await findVouching(ctx.store.read, actor, petition);
        const { body, ...file } = fileOf(request);
        const isAsked = isAskedBy(petition);
        const kind = signatureFile(petition.formFields);
        const { lines, found } = readImportFile(
          body,
          { ...file, ...readingOf(request.query, kind.columns), isAsked },
          kind,
        );
        const about = { petitionId: petition.publicId, dryRun, found, store: ctx.store };
        const from = { petition: petition.publicId, actor, apiKeyKey: actor.keyKey, source };
        return answerImport(request, reply, about, REPORT, (how) =>
          importSignatures(ctx, { ...from, ...how }, lines),
        );
      },
    );
    done();
  };
