import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { dateFormat, DATE_FORMAT_RULE, isTimeZone, TIME_ZONE_RULE } from '../../core/date-formats.js';
import { readColumnChoices, type ColumnKind } from '../../core/signatures/import-columns.js';
import type { ImportListener } from '../../core/signatures/import-tally.js';
import { ApiError } from '../../errors.js';
import type { Store } from '../../store/store.js';
import { invalidQuery, PRIVATE_CACHE } from '../answers.js';
import { takesLong } from '../long-bodies.js';
import { CSV, NDJSON } from '../openapi/line-files.js';
import type { ImportFile } from './signature-import-lines.js';
import { ImportReport, type ImportSubject, type ReportShape } from './signature-import-report.js';

/* What requests with an imported file have in common. */

/**
 * Signing may take as much longer as one chunk meanwhile. Other processes of the same SQLite file wait for the writer as
 * long as a transaction takes, far less than they are willing to.
 */
const PACE = { chunkMs: 25, transactionMs: 2000, restMs: 0 };

/** The client has hung up: this answer reaches no caller. */
const GONE = new ApiError('request_timeout');

const wantsStream = ({ headers }: FastifyRequest) => headers.accept?.includes(NDJSON) === true;

type Sent = Pick<ImportFile<string>, 'format' | 'encoding'> & { body: Readable };

/** The file of a request, still arriving. Throws `unsupported_media_type`. */
export function fileOf({ body, headers }: FastifyRequest): Sent {
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
export function readingOf<Field extends string>(
  query: { columns?: string; date_format?: string; time_zone?: string },
  kind: ColumnKind<Field>,
): Pick<ImportFile<Field>, 'columns' | 'dates'> {
  const { columns, date_format: format, time_zone: zone } = query;
  const refuse = (name: string, detail: string) => invalidQuery(`/${name}`, 'pattern', detail);
  const choices = columns === undefined ? undefined : readColumnChoices(columns, kind);
  if (columns !== undefined && !choices) throw refuse('columns', kind.rule);
  if (format !== undefined && !dateFormat(format)) throw refuse('date_format', DATE_FORMAT_RULE);
  if (zone !== undefined && !isTimeZone(zone)) throw refuse('time_zone', TIME_ZONE_RULE);
  return { columns: choices, dates: { format, zone } };
}

/** Lets the routes of a plugin take files, which are streams: their lines are validated one by one. */
export function takesFiles(app: FastifyInstance) {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser([CSV, NDJSON], (_request, payload, parsed) => parsed(null, payload));
  const compile = app.validatorCompiler;
  return {
    validatorCompiler: (part: { httpPart?: string }) =>
      part.httpPart === 'body' ? () => true : (compile?.(part as never) as () => boolean),
  };
}

type About = ImportSubject & { store: Pick<Store, 'explain'> };

/** What an import is told besides its lines. */
type How<Tally> = ImportListener & {
  chunkMs: number;
  transactionMs: number;
  restMs: number;
  dryRun: boolean;
  onProgress: (tally: Tally) => void;
};

/** Runs the import of a request, and answers with its report. */
export async function answerImport<Tally>(
  request: FastifyRequest,
  reply: FastifyReply,
  { store, ...subject }: About,
  shape: ReportShape<Tally>,
  run: (how: How<Tally>) => Promise<Tally>,
): Promise<FastifyReply> {
  const report = new ImportReport(reply, subject, wantsStream(request), shape);
  const long = takesLong(request.raw.socket);
  reply.header('cache-control', PRIVATE_CACHE);
  try {
    const tally = await run({
      ...PACE,
      dryRun: subject.dryRun,
      onError: (problem) => report.wrong(problem),
      onWarning: (problem) => report.warn(problem),
      onProgress: (tally) => report.progress(tally),
    });
    return report.complete(tally);
  } catch (error) {
    return report.stopped(reply.raw.destroyed ? GONE : store.explain(error));
  } finally {
    long.stop();
  }
}
