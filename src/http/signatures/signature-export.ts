import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { SignatureExportQuery } from '../../../schema/api/signatures/signature-export.js';
import { Signature } from '../../../schema/api/signatures/signatures.js';
import type { Context } from '../../core/context.js';
import { exportSignatures } from '../../core/signatures/signature-export.js';
import { keyed } from '../auth.js';
import { CSV, csvFile, lineFile, NDJSON } from '../openapi/line-files.js';
import { operation } from '../openapi/operation.js';
import { sendFile } from '../send-file.js';
import { exportName } from '../line-files.js';
import { signatureLines } from './signature-columns.js';

const FILE = {
  description: 'The file. It is complete if the answer ends properly in HTTP.',
  content: {
    [CSV]: csvFile('RFC 4180, UTF-8, with a header.', signatureLines().header),
    [NDJSON]: lineFile(Signature, 'One `Signature` per line, as JSON.'),
  },
};

/** `stallMs`: how long a client may read nothing before its connection is closed. */
export const secretSignatureExportRoutes =
  (ctx: Context, { stallMs = 30_000 }: { stallMs?: number } = {}): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/signatures/export',
      {
        config: { scope: 'signatures:read' },
        schema: operation({
          operationId: 'exportSignatures',
          tag: 'Signatures',
          access: 'secret',
          summary: 'Export all signatures of a petition as a file',
          description: `CSV, or one \`Signature\` per line as JSON, oldest first: the signatures that \`listSignatures\` lists for you, each as it is shown there. The file is streamed, so it can be of any size.

The file is complete if the answer ends properly. If an error occurs on the way, the connection is closed early, and HTTP clients report an error: discard such a file. It contains every signature that existed at the beginning, and none twice; each status is the one at the moment of reading.

In CSV each of the petition’s own fields has a column, like \`answers.shirt_size\`. An apostrophe is put before texts that a spreadsheet would run as a formula; \`importSignatures\` removes it. Programs that run no formulas, such as a CRM, are better served by \`formulas=raw\`.

If a client reads nothing for half a minute, its connection is closed.`,
          querystring: SignatureExportQuery,
          answers: { 200: FILE },
          sends: ['Content-Disposition'],
          errors: ['petition_not_found'],
        }),
      },
      async (request, reply) => {
        const { petition, format = 'csv', bom, formulas, status, source, collector, ...rest } = request.query;
        const filter = {
          statuses: status,
          source,
          collectorId: collector,
          createdFrom: rest.created_from === undefined ? undefined : new Date(rest.created_from),
          createdBefore: rest.created_before === undefined ? undefined : new Date(rest.created_before),
        };
        const { slug, ownFields, slices } = await exportSignatures(ctx, keyed(request), petition, filter);
        const name = exportName(slug, format, ctx.now());
        const text = signatureLines(ownFields).write(slices, { format, bom, formulas });
        return sendFile(request, reply, { name, format, text, stallMs });
      },
    );
    done();
  };
