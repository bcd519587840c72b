import { setTimeout as sleep } from 'node:timers/promises';
import type { FieldError } from '../../errors.js';
import { worldOf, type KeyedActor } from '../actor.js';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { inWorld, parseEmail, type World } from '../email.js';
import { nextLoopTurn } from '../one-per-turn.js';
import { assertStillActive } from '../organization/api-keys.js';
import { findSharedHead } from '../partners/partnerships.js';
import { allowanceOf, noteVouched } from '../partners/vouching.js';
import { assertSignable } from '../petitions/petition-life.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import type { Collected, CollectedSignature } from './collected-signature.js';
import { FIRST_CHUNK, nextSize, storeChunk } from './import-chunks.js';
import { NO_LINES, refuseLine, tallyLine, type ImportListener, type ImportTally } from './import-tally.js';
import { addToImport, beginImport, type ImportTotals } from './imports.js';
import { seesAll } from './signature-access.js';
import { takeOver, type Outcome, type Taken } from './signature-import-outcomes.js';

/**
 * One line of a file: a signature, or its errors. `notCounted`: the file itself says that the signature did not count.
 */
export type ImportLine<Input = CollectedSignature> = { line: number } & (
  | {
      input: Input;
      notCounted?: boolean;
      /** What could not be read, and was left out. */
      warnings?: readonly FieldError[];
    }
  | { errors: readonly FieldError[] }
);

export type ImportInput = ImportListener & {
  petition: string;
  actor: KeyedActor;
  /** The API key that imports; null: none, on the command line. */
  apiKeyKey: number | null;
  /** For lines without a source. */
  source: string | null;
  /** How long one chunk may occupy the writer; other requests wait that long. */
  chunkMs: number;
  /** How long the writer is left to others between chunks; 0: for one turn of the event loop. */
  restMs: number;
  /** Whether everything is checked and counted, but nothing stored. */
  dryRun?: boolean;
  /** Called after each commit. */
  onProgress?: (tally: ImportTally) => void;
};

/**
 * Imports signatures that were collected elsewhere: the actor vouches for them, they count at once, and no mail is
 * sent. An actor from whom something of the petition is hidden learns of a line only that it was accepted. They are
 * stored in chunks, one transaction each. After a failure the rest can be sent again, with or without what came before,
 * since each person counts once. An invalid line does not stop the others.
 *
 * Throws `invalid_key`, `vouching_not_agreed`, `petition_not_found`, `petition_not_open`, `petition_closed`,
 * `petition_not_published`, `petition_taken_down`, and whatever `lines` throws; all that was reported to `onProgress`
 * is stored then.
 */
export async function importSignatures(
  ctx: Context,
  input: ImportInput,
  lines: AsyncIterable<readonly ImportLine[]>,
): Promise<ImportTally> {
  const tally = { ...NO_LINES };
  const world = worldOf(input.actor);
  const repeated = input.dryRun ? repetitions() : undefined;
  const chunk: Row[] = [];
  const progress = { publicId: ctx.newId('imp'), key: undefined, rows: FIRST_CHUNK };

  async function flush(): Promise<void> {
    const rows = chunk.splice(0);
    const { outcomes, warnings } = await store(ctx, input, rows, progress);
    if (!input.dryRun) tally.importId = progress.publicId;
    for (const [i, outcome] of outcomes.entries()) {
      const row = rows[i] as Row;
      const told = repeated?.(row, outcome) ?? outcome;
      tallyLine(tally, input, row.line, told, [...row.warnings, ...(warnings.get(i) ?? [])]);
    }
    input.onProgress?.({ ...tally });
    await (input.restMs > 0 ? sleep(input.restMs) : nextLoopTurn());
  }

  for await (const batch of lines) {
    for (const one of batch) {
      tally.lines += 1;
      if ('errors' in one) {
        refuseLine(tally, input, one.line, one.errors);
      } else if (one.notCounted) {
        tally.leftOut += 1;
      } else {
        const row = readRow(ctx, world, one.line, one.input, one.warnings);
        if (!row) refuseLine(tally, input, one.line, [NO_ADDRESS]);
        else chunk.push(row);
        if (chunk.length >= progress.rows) await flush();
      }
    }
  }
  if (chunk.length > 0) await flush();
  return tally;
}

type Row = Collected & { line: number; warnings: readonly FieldError[] };

const NOTHING: readonly FieldError[] = [];
/** A longer file is not tried out whole in memory: its later repetitions count as new. */
const MOST_REPETITIONS = 2_000_000;

/** For dry runs, which store nothing that a later chunk could find: which people the file has named before. */
function repetitions() {
  const seen = new Set<string>();
  return ({ email: { identity } }: Row, outcome: Outcome | 'accepted') => {
    if (outcome !== 'created' && outcome !== 'confirmed') return outcome;
    if (seen.has(identity)) return 'already_signed' as const;
    if (seen.size < MOST_REPETITIONS) seen.add(identity);
    return outcome;
  };
}

const NO_ADDRESS: FieldError = {
  pointer: '/email',
  code: 'format',
  detail: 'Write it like name@example.org.',
};

function readRow(
  ctx: Context,
  world: World,
  line: number,
  input: CollectedSignature,
  warnings = NOTHING,
): Row | undefined {
  const email = inWorld(world, parseEmail(input.email));
  const ids = { supporter: ctx.newId('sup'), signature: ctx.newId('sig') };
  return email && { line, input, email, ids, warnings };
}

/** `key`: of the import, once something is stored; `rows`: the size of the next chunk. */
type Progress = { publicId: string; key: number | undefined; rows: number };

/** Stores a chunk and adjusts the size of the next one. */
async function store(ctx: Context, input: ImportInput, rows: readonly Row[], progress: Progress) {
  const work = (tx: Tx) => storeIn(ctx, tx, input, rows, progress);
  const { petition, taken, importKey, took } = await storeChunk(ctx.store, input.dryRun === true, work);
  progress.rows = nextSize(rows.length, input.chunkMs, took);
  if (!input.dryRun) {
    progress.key = importKey;
    await ctx.milestones.settle(petition.key, petition.goals);
  }
  return taken;
}

type Stored = {
  petition: PetitionHead;
  taken: { outcomes: (Outcome | 'accepted')[]; warnings: Taken['warnings'] };
  importKey: number;
  took: number;
};

async function storeIn(
  ctx: Context,
  tx: Tx,
  { actor, petition: ref, apiKeyKey, source }: ImportInput,
  rows: readonly Row[],
  progress: Progress,
): Promise<Stored> {
  const begun = performance.now();
  await assertStillActive(tx, actor);
  const petition = await findSharedHead(tx, actor, ref);
  // Closed petitions take no imports: after closing, retention removes the signers from their rows, and the same
  // people could count again.
  assertSignable(petition, tx.now);
  const allowance = await allowanceOf(tx, actor, petition);
  const { organizationKey: collectorKey } = actor;
  const importer = { petitionKey: petition.key, organizationKey: collectorKey, apiKeyKey, source };
  const importKey = progress.key ?? (await beginImport(tx, progress.publicId, importer));
  const hidesNewness = !(await seesAll(tx, actor, petition));
  const collector = { collectorKey, apiKeyKey, importKey, source, allowance, hidesNewness };
  const { outcomes, warnings } = await takeOver(ctx, tx, petition, collector, rows);
  const brought = broughtBy(outcomes);
  await addToImport(tx, importKey, brought);
  await noteVouched(tx, allowance, {
    counted: brought.created + brought.confirmed,
    held: outcomes.filter((outcome) => outcome === 'held').length,
  });
  const told = outcomes.map((one) => (hidesNewness && typeof one === 'string' ? 'accepted' : one));
  return { petition, taken: { outcomes: told, warnings }, importKey, took: performance.now() - begun };
}

function broughtBy(outcomes: readonly Outcome[]): ImportTotals {
  const brought = { lines: outcomes.length, created: 0, confirmed: 0, quarantined: 0 };
  for (const outcome of outcomes) {
    if (outcome === 'held') brought.quarantined += 1;
    else if (outcome === 'created' || outcome === 'confirmed' || outcome === 'quarantined') {
      brought[outcome] += 1;
    }
  }
  return brought;
}
