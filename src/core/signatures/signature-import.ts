import { setTimeout as sleep } from 'node:timers/promises';
import type { FieldError } from '../../errors.js';
import type { Context } from '../context.js';
import { worldOf } from '../actor.js';
import { inWorld, parseEmail, type World } from '../email.js';
import { findSharedHead } from '../partners/partnerships.js';
import type { CollectedSignature } from './collected-signature.js';
import { NO_LINES, refuseLine, tallyLine, type ImportListener, type ImportTally } from './import-tally.js';
import { beginProgress, storeRows, type ImportSource, type Row } from './signature-import-storing.js';
import type { Outcome } from './signature-import-outcomes.js';

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

export type ImportInput = ImportListener &
  ImportSource & {
    /** Called after each batch. */
    onProgress?: (tally: ImportTally) => void;
  };

/** Rows that are sorted and stored together: a page of an index that is changed for many of them is written once. */
const BATCH = 20_000;
/** Rows of a slow sender do not wait for a whole batch. */
const BATCH_MS = 1000;

/**
 * Imports signatures that were collected elsewhere: the actor vouches for them, they count at once, and no mail is
 * sent. An actor from whom something of the petition is hidden learns of a line only that it was accepted. They are
 * stored in batches, in one or several transactions each. After a failure the file can be sent again, since each person
 * counts once. An invalid line does not stop the others.
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
  const { organizationKey } = await findSharedHead(ctx.store.read, input.actor, input.petition);
  const leads = organizationKey === input.actor.organizationKey;
  const progress = beginProgress(ctx);
  let batch: Row[] = [];

  async function flush(): Promise<void> {
    const rows = batch;
    batch = [];
    try {
      await storeRows(ctx, input, inOrder(rows, leads), progress);
    } finally {
      if (!input.dryRun && progress.key !== undefined) tally.importId = progress.publicId;
      for (const row of rows) {
        if (row.outcome === undefined) continue;
        const told = repeated?.(row, row.outcome) ?? row.outcome;
        tallyLine(tally, input, row.line, told, row.warnings);
      }
      input.onProgress?.({ ...tally });
    }
  }

  for await (const some of withPauses(lines, BATCH_MS)) {
    for (const one of some) {
      tally.lines += 1;
      if ('errors' in one) {
        refuseLine(tally, input, one.line, one.errors);
      } else if (one.notCounted) {
        tally.leftOut += 1;
      } else {
        const row = readRow(world, one.line, one.input, one.warnings);
        if (row) batch.push(row);
        else refuseLine(tally, input, one.line, [NO_ADDRESS]);
        if (batch.length >= BATCH) await flush();
      }
    }
    if (some === PAUSE && batch.length > 0) await flush();
  }
  if (batch.length > 0) await flush();
  return tally;
}

const PAUSE: readonly never[] = [];

/** What the source yields, and `PAUSE` whenever so many milliseconds have passed. */
async function* withPauses<One>(
  source: AsyncIterable<readonly One[]>,
  everyMs: number,
): AsyncGenerator<readonly One[], void, undefined> {
  const reader = source[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<readonly One[], unknown>> | undefined;
  let pause: Promise<undefined> | undefined;
  try {
    for (;;) {
      next ??= reader.next();
      pause ??= sleep(everyMs, undefined, { ref: false });
      const step = await Promise.race([next, pause]);
      if (step === undefined) {
        pause = undefined;
        yield PAUSE;
      } else {
        next = undefined;
        if (step.done) return;
        yield step.value;
      }
    }
  } finally {
    // It may wait for a sender who never goes on.
    next?.catch(() => undefined);
    void reader.return?.();
  }
}

/**
 * By address, so that neighbours in the index are written together. In the order of the file where it decides: which
 * rows exceed a partner's allowance, and which of several rows gets an external id.
 */
function inOrder(rows: Row[], leads: boolean): Row[] {
  const named = rows.filter(({ input: { externalId } }) => externalId !== null);
  const isFree = new Set(named.map(({ input: { externalId } }) => externalId)).size === named.length;
  if (!leads || !isFree) return rows;
  return rows.toSorted((a, b) =>
    a.email.identity < b.email.identity ? -1 : Number(a.email.identity > b.email.identity),
  );
}

const NOTHING: readonly FieldError[] = [];
/** A longer file is not tried out whole in memory: its later repetitions count as new. */
const MOST_REPETITIONS = 2_000_000;

/** The outcomes after which the person has a signature. */
const STORES: ReadonlySet<string> = new Set(['created', 'confirmed', 'quarantined', 'held']);

/** For dry runs, which store nothing that a later chunk could find: which people the file has named before. */
function repetitions() {
  const seen = new Set<string>();
  return ({ email: { identity } }: Row, outcome: Outcome | 'accepted') => {
    if (typeof outcome !== 'string' || !STORES.has(outcome)) return outcome;
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

function readRow(world: World, line: number, input: CollectedSignature, warnings = NOTHING): Row | undefined {
  const email = inWorld(world, parseEmail(input.email));
  return email && { line, input, email, warnings, outcome: undefined };
}
