import { Readable } from 'node:stream';
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import { SignatureExportQuery } from '../../../schema/api/signatures/signature-transfers.js';
import { Signature } from '../../../schema/api/signatures/signatures.js';
import { ref } from '../../../schema/api/typebox.js';
import type { Context } from '../../core/context.js';
import { exportSignatures } from '../../core/signatures/signature-export.js';
import { PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { operation } from '../openapi/operation.js';
import { endStalled } from '../slow-clients.js';
import { CSV_HEADER, fileOf } from './signature-lines.js';

const TYPES = { csv: 'text/csv; charset=utf-8', ndjson: 'application/x-ndjson' } as const;

const FILE = {
  description: 'The file, which is complete when the answer ends as HTTP wants it.',
  content: {
    'text/csv': {
      schema: Type.String({
        maxLength: 2_147_483_647,
        pattern: '^[^\\u0000]*$',
        description: 'RFC 4180, UTF-8, with a header.',
        examples: [CSV_HEADER],
      }),
    },
    'application/x-ndjson': { schema: ref(Signature) },
  },
};

/** `stallMs`: how long a client may take nothing before its connection is ended. */
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
          summary: 'Take all signatures of a petition out as a file',
          description: `CSV, or one \`Signature\` a line as JSON, first signed first: those that \`listSignatures\` lists for you, each as it is shown there. The file comes while it is read, however large it is.

It is complete when the answer ends in order. When something fails on the way the connection breaks, and HTTP clients report an error: throw such a file away. All signatures are in it that were there at the beginning, and none twice; a status is the one at the moment of reading.

In CSV a text that a spreadsheet would run as a formula begins with an apostrophe; \`importSignatures\` takes it off again.

A client that reads nothing for half a minute is taken to be gone.`,
          querystring: SignatureExportQuery,
          answers: { 200: FILE },
          sends: ['Content-Disposition'],
          errors: ['petition_not_found'],
        }),
      },
      async (request, reply) => {
        const { petition, format = 'csv', bom = false, status, source, collector, ...rest } = request.query;
        const filter = {
          statuses: status,
          source,
          collectorId: collector,
          createdFrom: rest.created_from === undefined ? undefined : new Date(rest.created_from),
          createdBefore: rest.created_before === undefined ? undefined : new Date(rest.created_before),
        };
        const { slices } = await exportSignatures(ctx, keyed(request), petition, filter);
        reply
          .type(TYPES[format])
          .header('cache-control', PRIVATE_CACHE)
          .header('content-disposition', `attachment; filename="signatures.${format}"`);
        if (request.method === 'HEAD') return reply.send('');
        endStalled(reply.raw, stallMs);
        return reply.send(Readable.from(fileOf(slices, { format, bom }), { objectMode: false }));
      },
    );
    done();
  };
