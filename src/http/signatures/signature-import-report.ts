import { PassThrough } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { MAX_PROBLEMS } from '../../../schema/api/signatures/signature-import.js';
import type { LineProblem } from '../../core/signatures/import-tally.js';
import { ApiError, ERRORS } from '../../errors.js';
import type { ImportFileFindings } from './signature-import-lines.js';
import { NDJSON } from '../openapi/line-files.js';

const TELL_MS = 1000;

export type ImportSubject = { petitionId: string; dryRun: boolean; found: ImportFileFindings<string> };

/** How one kind of imports is reported. */
export type ReportShape<Tally> = {
  /** Before anything is stored. */
  none: Tally;
  toResult: (tally: Tally) => object;
  /** What to do after it was stopped; empty: nothing. */
  afterStop: (tally: Tally) => string;
};

/** Reports an import to its caller: the progress, if they accept NDJSON, and the result at the end. */
export class ImportReport<Tally> {
  #problems: LineProblem[] = [];
  #warnings: LineProblem[] = [];
  #last: Tally;
  #stream: PassThrough | undefined;
  #toldAt = -Infinity;

  constructor(
    private readonly reply: FastifyReply,
    private readonly subject: ImportSubject,
    private readonly isStream: boolean,
    private readonly shape: ReportShape<Tally>,
  ) {
    this.#last = shape.none;
  }

  wrong(problem: LineProblem): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
  }

  warn(warning: LineProblem): void {
    if (this.#warnings.length < MAX_PROBLEMS) this.#warnings.push(warning);
  }

  progress(tally: Tally): void {
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

  complete(tally: Tally): FastifyReply {
    this.#last = tally;
    return this.#end(true, null);
  }

  stopped(error: unknown): FastifyReply {
    if (!(error instanceof ApiError) && !this.#stream) throw error;
    const { code, details } = error instanceof ApiError ? error : new ApiError('internal_error');
    const after = this.subject.dryRun ? '' : this.shape.afterStop(this.#last);
    const detail = [details.detail ?? `${ERRORS[code][1]}.`, after].filter(Boolean).join(' ');
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
    const { petitionId, dryRun, found } = this.subject;
    const result = {
      petition_id: petitionId,
      complete,
      dry_run: dryRun,
      ...found,
      stopped,
      ...this.shape.toResult(this.#last),
      problems: this.#problems,
      warnings: this.#warnings,
    };
    [this.#problems, this.#warnings] = [[], []];
    return `${JSON.stringify(result)}\n`;
  }
}
