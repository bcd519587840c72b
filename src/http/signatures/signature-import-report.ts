import { PassThrough } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { MAX_PROBLEMS } from '../../../schema/api/signatures/signature-import.js';
import { NO_LINES, type ImportTally, type LineProblem } from '../../core/signatures/import-tally.js';
import { ApiError, ERRORS } from '../../errors.js';
import type { ImportFileFindings } from './signature-import-lines.js';
import { NDJSON } from '../openapi/line-files.js';

const TELL_MS = 1000;

export type ImportSubject = { petitionId: string; dryRun: boolean; found: ImportFileFindings };

/** Reports an import to its caller: the progress, if they accept NDJSON, and the result at the end. */
export class ImportReport {
  #problems: LineProblem[] = [];
  #warnings: LineProblem[] = [];
  #last: ImportTally = NO_LINES;
  #stream: PassThrough | undefined;
  #toldAt = -Infinity;

  constructor(
    private readonly reply: FastifyReply,
    private readonly subject: ImportSubject,
    private readonly isStream: boolean,
  ) {}

  wrong(problem: LineProblem): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
  }

  warn(warning: LineProblem): void {
    if (this.#warnings.length < MAX_PROBLEMS) this.#warnings.push(warning);
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
    const stored = this.subject.dryRun ? 0 : created + quarantined + confirmed + accepted;
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
    const { petitionId, dryRun, found } = this.subject;
    const result = {
      petition_id: petitionId,
      import_id: importId,
      complete,
      dry_run: dryRun,
      ...found,
      stopped,
      ...rest,
      already_signed: alreadySigned,
      left_out: leftOut,
      problems: this.#problems,
      warnings: this.#warnings,
    };
    [this.#problems, this.#warnings] = [[], []];
    return `${JSON.stringify(result)}\n`;
  }
}
