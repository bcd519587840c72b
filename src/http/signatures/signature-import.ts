import { PassThrough, Readable } from 'node:stream';
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  MAX_PROBLEMS,
  SignatureImportLine,
  SignatureImportQuery,
  SignatureImportResult,
} from '../../../schema/api/signatures/signature-import.js';
import { ref } from '../../../schema/api/typebox.js';
import type { Context } from '../../core/context.js';
import { findSharedHead } from '../../core/partners/partnerships.js';
import { findVouching } from '../../core/partners/vouching.js';
import { assertSignable } from '../../core/petitions/petition-life.js';
import {
  importSignatures,
  NO_LINES,
  type ImportTally,
  type LineProblem,
} from '../../core/signatures/signature-import.js';
import { ApiError, ERRORS } from '../../errors.js';
import { PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { takesLong } from '../long-bodies.js';
import { CSV, csvFile, lineFile, NDJSON } from '../openapi/line-files.js';
import { operation } from '../openapi/operation.js';
import { linesOf } from './signature-import-lines.js';

const FILES = {
  [CSV]: csvFile(
    'RFC 4180, UTF-8, with a header that names fields of `SignatureImportLine`.',
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
const TELL_MS = 1000;

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

An invalid line is reported with its number, and does not stop the others. Lines are stored in chunks while the file arrives: if the connection breaks, or an error occurs on the way, send the whole file again. No person counts twice, so you need not keep track of what was stored.

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
        const { petition: ref, source = null } = request.query;
        const actor = keyed(request);
        const petition = await findSharedHead(ctx.store.read, actor, ref);
        assertSignable(petition, ctx.now());
        await findVouching(ctx.store.read, actor, petition);
        const { body, format } = fileOf(request);
        const report = new ImportReport(reply, petition.publicId, wantsStream(request));
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
              onError: (problem) => report.wrong(problem),
              onProgress: (tally) => report.progress(tally),
            },
            linesOf(body, format),
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

function fileOf({ body, headers }: FastifyRequest): { body: Readable; format: 'csv' | 'ndjson' } {
  if (!(body instanceof Readable) || headers['content-encoding'] !== undefined) {
    throw new ApiError('unsupported_media_type', {
      detail: `Send the file as ${CSV} or ${NDJSON}, without Content-Encoding.`,
    });
  }
  return { body, format: headers['content-type']?.startsWith(CSV) ? 'csv' : 'ndjson' };
}

/** Reports an import to its caller: the progress, if they accept NDJSON, and the result at the end. */
class ImportReport {
  #problems: LineProblem[] = [];
  #last: ImportTally = NO_LINES;
  #stream: PassThrough | undefined;
  #toldAt = -Infinity;

  constructor(
    private readonly reply: FastifyReply,
    private readonly petitionId: string,
    private readonly isStream: boolean,
  ) {}

  wrong(problem: LineProblem): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
  }

  progress(tally: ImportTally): void {
    this.#last = tally;
    const now = performance.now();
    // A client that reads the answer only after its last line must neither block the import nor fill the memory.
    if (!this.isStream || now - this.#toldAt < TELL_MS || this.#stream?.writableNeedDrain) return;
    this.#toldAt = now;
    if (!this.#stream) {
      this.#stream = new PassThrough();
      this.reply.type(NDJSON).send(this.#stream);
    }
    this.#stream.write(this.#line(false, null));
  }

  complete(tally: ImportTally): FastifyReply {
    this.#last = tally;
    return this.#end(true, null);
  }

  stopped(error: unknown): FastifyReply {
    if (!(error instanceof ApiError) && !this.#stream) throw error;
    const { code, details } = error instanceof ApiError ? error : new ApiError('internal_error');
    const { created, quarantined, confirmed, accepted } = this.#last;
    const stored = created + quarantined + confirmed + accepted;
    const sendAgain = stored > 0 ? ` ${stored} signatures are stored: send the file again to go on.` : '';
    const detail = `${details.detail ?? `${ERRORS[code][1]}.`}${sendAgain}`;
    if (this.#stream) return this.#end(false, { code, detail });
    throw new ApiError(code, { ...details, detail });
  }

  #end(complete: boolean, stopped: { code: string; detail: string } | null): FastifyReply {
    const line = this.#line(complete, stopped);
    if (!this.#stream) return this.reply.type(this.isStream ? NDJSON : 'application/json').send(line);
    this.#stream.end(line);
    return this.reply;
  }

  #line(complete: boolean, stopped: { code: string; detail: string } | null): string {
    const { importId, alreadySigned, leftOut, ...rest } = this.#last;
    const result = {
      petition_id: this.petitionId,
      import_id: importId,
      complete,
      stopped,
      ...rest,
      already_signed: alreadySigned,
      left_out: leftOut,
      problems: this.#problems,
    };
    this.#problems = [];
    return `${JSON.stringify(result)}\n`;
  }
}
