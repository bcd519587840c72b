import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { dateFormat, DATE_FORMAT_RULE, isTimeZone, TIME_ZONE_RULE } from '../../core/date-formats.js';
import { readColumnChoices, type ColumnKind } from '../../core/signatures/import-columns.js';
import { ApiError } from '../../errors.js';
import { invalidQuery } from '../answers.js';
import { CSV, NDJSON } from '../openapi/line-files.js';
import type { ImportFile } from './signature-import-lines.js';

/* What requests with an imported file have in common. */

/** How long one chunk may occupy the writer: signing may take that much longer meanwhile. */
export const CHUNK_MS = 25;
/** Other processes of the same SQLite file wait that long for the writer, far less than they are willing to. */
export const TRANSACTION_MS = 2000;

/** The client has hung up: this answer reaches no caller. */
export const GONE = new ApiError('request_timeout');

export const wantsStream = ({ headers }: FastifyRequest) => headers.accept?.includes(NDJSON) === true;

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
