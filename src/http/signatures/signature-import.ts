import { Readable } from 'node:stream';
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { Static } from '@sinclair/typebox';
import type { FastifyRequest } from 'fastify';
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
import { COLUMNS_RULE, readColumnChoices } from '../../core/signatures/import-columns.js';
import { importSignatures } from '../../core/signatures/signature-import.js';
import { isAskedBy } from '../../core/signatures/signature-import-rules.js';
import { ApiError } from '../../errors.js';
import { dateFormat, DATE_FORMAT_RULE, isTimeZone, TIME_ZONE_RULE } from '../../core/date-formats.js';
import { PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { takesLong } from '../long-bodies.js';
import { CSV, csvFile, lineFile, NDJSON } from '../openapi/line-files.js';
import { operation } from '../openapi/operation.js';
import { ImportReport } from './signature-import-report.js';
import { readImportFile, type ImportFile } from './signature-import-lines.js';

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

/** How long one chunk may occupy the writer: signing may take that much longer meanwhile. */
const CHUNK_MS = 25;

export const secretSignatureImportRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser([CSV, NDJSON], (_request, payload, parsed) => parsed(null, payload));
    const compile = app.validatorCompiler;

    app.post(
      '/v1/signatures/import',
      {
        config: { scope: 'signatures:vouch', takesSignatures: true },
        // The body is a stream: signature-import-lines.ts validates each line.
        validatorCompiler: (part) =>
          part.httpPart === 'body' ? () => true : (compile?.(part as never) as () => boolean),
        schema: operation({
          operationId: 'importSignatures',
          tag: 'Signatures',
          access: 'secret',
          summary: 'Import signatures that were collected elsewhere',
          description: `Takes a file of any length, CSV or one \`SignatureImportLine\` per line as JSON, and processes it as it arrives. You vouch for its signatures: they count at once, as if each were sent to \`signPetition\` with \`vouched\`, and nothing is mailed. A partner may import if that was agreed (\`may_vouch\`); signatures beyond its daily limit are quarantined. Data that supporters have entered themselves is not overwritten. If some signatures of the petition are hidden from you, only the number of \`accepted\` lines is returned: a partner does not see the signatures of others, the lead organization not those of partners whose terms are \`names\` or \`counts\`. A person who has already signed counts once.

A line without an address or a name is reported in \`problems\` with its number, and does not stop the others. Other fields that cannot be read are left out of the signature, and reported in \`warnings\`. To see how a file would be read, send it with \`dry_run=true\`.

Lines are stored in chunks while the file arrives: if the connection breaks, or an error occurs on the way, send the whole file again. No person counts twice, so you need not keep track of what was stored.

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
        const { formFields: ownFields } = petition;
        const { lines, found } = readImportFile(body, {
          ...file,
          ...readingOf(request.query),
          isAsked,
          ownFields,
        });
        const about = { petitionId: petition.publicId, dryRun, found };
        const report = new ImportReport(reply, about, wantsStream(request));
        const long = takesLong(request.raw.socket);
        reply.header('cache-control', PRIVATE_CACHE);
        try {
          const tally = await importSignatures(
            ctx,
            {
              petition: petition.publicId,
              actor,
              apiKeyKey: actor.keyKey,
              source,
              chunkMs: CHUNK_MS,
              restMs: 0,
              dryRun,
              onError: (problem) => report.wrong(problem),
              onWarning: (problem) => report.warn(problem),
              onProgress: (tally) => report.progress(tally),
            },
            lines,
          );
          return report.complete(tally);
        } catch (error) {
          return report.stopped(reply.raw.destroyed ? GONE : ctx.store.explain(error));
        } finally {
          long.stop();
        }
      },
    );
    done();
  };

/** The client has hung up: this answer reaches no caller. */
const GONE = new ApiError('request_timeout');

const wantsStream = ({ headers }: FastifyRequest) => headers.accept?.includes(NDJSON) === true;

type Sent = Pick<ImportFile, 'format' | 'encoding'> & { body: Readable };

function fileOf({ body, headers }: FastifyRequest): Sent {
  if (!(body instanceof Readable) || headers['content-encoding'] !== undefined) {
    throw new ApiError('unsupported_media_type', {
      detail: `Send the file as ${CSV} or ${NDJSON}, without Content-Encoding.`,
    });
  }
  const type = headers['content-type'] ?? '';
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(type)?.[1];
  // Clients name ASCII without having looked.
  const encoding = /^(?:us-)?ascii$/i.test(charset ?? '') ? undefined : charset;
  return { body, format: type.startsWith(CSV) ? 'csv' : 'ndjson', encoding };
}

/** How the caller says that the file is to be read. Throws `invalid_query`. */
function readingOf(query: Static<typeof SignatureImportQuery>): Pick<ImportFile, 'columns' | 'dates'> {
  const { columns, date_format: format, time_zone: zone } = query;
  const refuse = (name: string, detail: string) =>
    new ApiError('invalid_query', {
      detail: 'One field is wrong.',
      errors: [{ pointer: `/${name}`, code: 'pattern', detail }],
    });
  const choices = columns === undefined ? undefined : readColumnChoices(columns);
  if (columns !== undefined && !choices) throw refuse('columns', COLUMNS_RULE);
  if (format !== undefined && !dateFormat(format)) throw refuse('date_format', DATE_FORMAT_RULE);
  if (zone !== undefined && !isTimeZone(zone)) throw refuse('time_zone', TIME_ZONE_RULE);
  return { columns: choices, dates: { format, zone } };
}
