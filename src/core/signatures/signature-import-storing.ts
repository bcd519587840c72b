import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { FieldError } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { stepsOf } from '../counts/milestones.js';
import type { EmailAddress } from '../email.js';
import { nextLoopTurn } from '../one-per-turn.js';
import { assertStillActive } from '../organization/api-keys.js';
import { findSharedHead } from '../partners/partnerships.js';
import { allowanceOf, noteVouched } from '../partners/vouching.js';
import { assertSignable } from '../petitions/petition-life.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import type { CollectedSignature, Collector } from './collected-signature.js';
import { FIRST_CHUNK, nextSize, storeChunk } from './import-chunks.js';
import { addToImport, beginImport, type ImportTotals } from './imports.js';
import { seesAll } from './signature-access.js';
import { takeOver, type Outcome } from './signature-import-outcomes.js';

/*
 * Stores the rows of an import: many in each transaction while nobody else writes, few while others wait. SQLite writes a
 * changed page again with each transaction, so rows by the ten thousand cost half of what they cost by the thousand.
 */

/** A valid line of the file, and what became of it. */
export type Row = {
  line: number;
  input: CollectedSignature;
  email: EmailAddress;
  /** What had to be left out of it. */
  warnings: readonly FieldError[];
  /** Undefined: it is not stored yet. */
  outcome: Outcome | 'accepted' | undefined;
};

export type ImportPace = {
  /** How long one chunk may occupy the process; requests and other transactions wait that long. */
  chunkMs: number;
  /** How long chunks may share a transaction while no other one of this process waits. Other processes wait. */
  transactionMs: number;
  /** How long the writer is left to others after a transaction; 0: for one turn of the event loop. */
  restMs: number;
};

/** What the transactions of an import need to know. */
export type ImportSource = ImportPace & {
  petition: string;
  actor: KeyedActor;
  /** The API key that imports; null: none, on the command line. */
  apiKeyKey: number | null;
  /** For lines without a source. */
  source: string | null;
  /** Whether everything is checked and counted, but nothing stored. */
  dryRun?: boolean;
};

/** `key`: of the import, once something is stored; `rows`: the size of the next chunk. */
export type Progress = { publicId: string; key: number | undefined; rows: number };

export const beginProgress = (ctx: Context): Progress => ({
  publicId: ctx.newId('imp'),
  key: undefined,
  rows: FIRST_CHUNK,
});

/** Stores the rows in this order, and notes in each what became of it; after a failure, in those that are stored. */
export async function storeRows(
  ctx: Context,
  from: ImportSource,
  rows: readonly Row[],
  progress: Progress,
): Promise<void> {
  for (let at = 0; at < rows.length;) {
    const { done, petition, importKey } = await storeChunk(ctx.store, from.dryRun === true, (tx) =>
      storeIn(ctx, tx, from, rows.slice(at), progress),
    );
    for (const { row, outcome, warnings } of done) {
      row.outcome = outcome;
      if (warnings) row.warnings = [...row.warnings, ...warnings];
    }
    at += done.length;
    if (!from.dryRun) {
      progress.key = importKey;
      await ctx.milestones.settle(petition.key, stepsOf(petition));
    }
    await (from.restMs > 0 ? sleep(from.restMs) : nextLoopTurn());
  }
}

type Done = { row: Row; outcome: Outcome | 'accepted'; warnings: readonly FieldError[] | undefined };
type Stored = { petition: PetitionHead; done: Done[]; importKey: number };

async function storeIn(
  ctx: Context,
  tx: Tx,
  { actor, petition: ref, apiKeyKey, source, chunkMs, transactionMs }: ImportSource,
  rows: readonly Row[],
  progress: Progress,
): Promise<Stored> {
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

  const found: Found[] = [];
  const until = performance.now() + transactionMs;
  for (let at = 0; at < rows.length;) {
    const chunk = rows.slice(at, at + progress.rows);
    const begun = performance.now();
    found.push(...(await takeChunk(ctx, tx, petition, collector, chunk)));
    progress.rows = nextSize(chunk.length, chunkMs, performance.now() - begun);
    at += chunk.length;
    if (performance.now() >= until) break;
    // Not in the queue of nextLoopTurn: the writer is held meanwhile.
    await setImmediate();
    if (ctx.store.isWanted()) break;
  }
  const brought = broughtBy(found);
  await addToImport(tx, importKey, brought);
  await noteVouched(tx, allowance, {
    counted: brought.created + brought.confirmed,
    held: found.filter(({ outcome }) => outcome === 'held').length,
  });
  const done = hidesNewness ? found.map(withoutNewness) : found;
  return { petition, done, importKey };
}

type Found = Omit<Done, 'outcome'> & { outcome: Outcome };

/** Errors say nothing about who is new; every other outcome does. */
const withoutNewness = (one: Found): Done =>
  Array.isArray(one.outcome) ? one : { ...one, outcome: 'accepted' };

async function takeChunk(
  ctx: Context,
  tx: Tx,
  petition: PetitionHead,
  collector: Collector,
  chunk: readonly Row[],
): Promise<Found[]> {
  const collected = chunk.map(({ input, email }) => ({
    input,
    email,
    // Made here, so that neighbours in the index are written together.
    ids: { supporter: ctx.newId('sup'), signature: ctx.newId('sig') },
  }));
  const { outcomes, warnings } = await takeOver(ctx, tx, petition, collector, collected);
  return chunk.map((row, i) => ({ row, outcome: outcomes[i] as Outcome, warnings: warnings.get(i) }));
}

function broughtBy(found: readonly Found[]): ImportTotals {
  const brought = { lines: found.length, created: 0, confirmed: 0, quarantined: 0 };
  for (const { outcome } of found) {
    if (outcome === 'held') brought.quarantined += 1;
    else if (outcome === 'created' || outcome === 'confirmed' || outcome === 'quarantined') {
      brought[outcome] += 1;
    }
  }
  return brought;
}
