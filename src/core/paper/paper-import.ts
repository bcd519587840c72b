import { setTimeout as sleep } from 'node:timers/promises';
import type { FieldError } from '../../errors.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { stepsOf } from '../counts/milestones.js';
import { nextLoopTurn } from '../one-per-turn.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import { FIRST_CHUNK, nextSize, storeChunk } from '../signatures/import-chunks.js';
import { refuseLine, warnOfLine, type ImportListener } from '../signatures/import-tally.js';
import type { ImportLine } from '../signatures/signature-import.js';
import { completeBatch, takeBackImport } from './paper-batches.js';
import { enterIn, LIMIT_REACHED, type Batch } from './paper-entering.js';
import { PaperMemory, type PaperInput, type PaperRow } from './paper-rows.js';

/** What has become of the lines so far. */
export type PaperTally = {
  /** Null: nothing is entered yet, or nothing was new. After a failure: what could not be taken back. */
  batchId: string | null;
  lines: number;
  created: number;
  known: number;
  leftOut: number;
  failed: number;
  warned: number;
};

export const NO_PAPER: Readonly<PaperTally> = {
  batchId: null,
  lines: 0,
  created: 0,
  known: 0,
  leftOut: 0,
  failed: 0,
  warned: 0,
};

export type PaperImportInput = ImportListener & {
  petition: string;
  actor: KeyedActor;
  /** Null: none, on the command line. */
  apiKeyKey: number | null;
  source: string | null;
  /** As in `ImportInput`. */
  chunkMs: number;
  restMs: number;
  dryRun?: boolean;
  onProgress?: (tally: PaperTally) => void;
};

type Row = PaperRow & { line: number; warnings: readonly FieldError[] };

/**
 * Enters a file of paper signatures as one batch. Without mailboxes, lines without an external id cannot be told from those
 * that were sent before: so an import that does not come to its end is taken back as a whole, and can be sent again; if
 * that fails, too, the last tally that `onProgress` gets has the batch. An invalid line does not stop the others. Throws
 * what `findForPaper` throws, `invalid_key`, `paper_batch_not_found`, and whatever `lines` throws.
 */
export async function importPaper(
  ctx: Context,
  input: PaperImportInput,
  lines: AsyncIterable<readonly ImportLine<PaperInput>[]>,
): Promise<PaperTally> {
  const run = new PaperImport(ctx, input);
  try {
    for await (const batch of lines) {
      for (const one of batch) await run.take(one);
    }
    return await run.complete();
  } catch (error) {
    await run.takeBack();
    input.onProgress?.(run.tally);
    throw error;
  }
}

class PaperImport {
  readonly #tally: PaperTally = { ...NO_PAPER };
  readonly #memory = new PaperMemory();
  readonly #chunk: Row[] = [];
  readonly #batch: Batch;
  #petition: PetitionHead | undefined;
  #isBegun = false;
  #size = FIRST_CHUNK;

  constructor(
    private readonly ctx: Context,
    private readonly input: PaperImportInput,
  ) {
    const { apiKeyKey, source } = input;
    this.#batch = { key: undefined, publicId: ctx.newId('pba'), apiKeyKey, kind: 'file', source };
  }

  get tally(): PaperTally {
    return { ...this.#tally };
  }

  async take(one: ImportLine<PaperInput>): Promise<void> {
    this.#tally.lines += 1;
    const { line } = one;
    if ('errors' in one) return refuseLine(this.#tally, this.input, line, one.errors);
    if (one.notCounted) {
      this.#tally.leftOut += 1;
      return;
    }
    const { input, warnings = [] } = one;
    this.#chunk.push({ publicId: this.ctx.newId('pap'), input, place: `line ${line}`, line, warnings });
    if (this.#chunk.length >= this.#size) await this.#flush();
  }

  async complete(): Promise<PaperTally> {
    if (this.#chunk.length > 0) await this.#flush();
    const { key } = this.#batch;
    if (key !== undefined && this.#tally.created === 0) await this.takeBack();
    else if (key !== undefined) await this.ctx.store.transact((tx) => completeBatch(tx, key));
    if (this.#petition && !this.input.dryRun) {
      await this.ctx.milestones.settle(this.#petition.key, stepsOf(this.#petition));
    }
    return this.tally;
  }

  /** What could not be taken back keeps its batch in the tally. */
  async takeBack(): Promise<void> {
    if (!this.#isBegun) return;
    const { publicId } = this.#batch;
    try {
      // By its id: if the connection was lost during the first commit, it is unknown whether there is a batch.
      await takeBackImport((work) => storeChunk(this.ctx.store, false, work, { urgent: true }), publicId);
      Object.assign(this.#tally, { batchId: null, created: 0 });
    } catch {
      this.#tally.batchId = publicId;
    }
  }

  async #flush(): Promise<void> {
    const { store } = this.ctx;
    const { actor, petition: ref, chunkMs, restMs, dryRun = false, onProgress } = this.input;
    const rows = this.#chunk.splice(0);
    this.#isBegun = !dryRun;
    const { petition, batchKey, entered, took } = await storeChunk(store, dryRun, async (tx) => {
      const begun = performance.now();
      const found = await enterIn(tx, actor, ref, this.#batch, rows, this.#memory);
      return { ...found, took: performance.now() - begun };
    });
    this.#petition = petition;
    if (!dryRun) this.#batch.key = batchKey;
    this.#size = nextSize(rows.length, chunkMs, took);
    for (const [i, { outcome, warnings }] of entered.entries()) {
      const { line, warnings: earlier } = rows[i] as Row;
      if (outcome === 'refused') refuseLine(this.#tally, this.input, line, [LIMIT]);
      else {
        this.#tally[outcome] += 1;
        warnOfLine(this.#tally, this.input, line, [...earlier, ...warnings]);
      }
    }
    if (!dryRun && this.#tally.created > 0) this.#tally.batchId = this.#batch.publicId;
    onProgress?.(this.tally);
    await (restMs > 0 ? sleep(restMs) : nextLoopTurn());
  }
}

const LIMIT: FieldError = { pointer: '', code: 'vouch_limit', detail: LIMIT_REACHED };
