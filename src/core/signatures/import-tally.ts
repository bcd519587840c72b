import type { FieldError } from '../../errors.js';
import type { Outcome } from './signature-import-outcomes.js';

/* What has become of the lines of an import, in numbers and line by line. */

export type LineProblem = { line: number; field: string; code: string; detail: string };

/** What has become of the lines so far. Everything except `failed` is durable. */
export type ImportTally = {
  /** Null: nothing is stored yet. */
  importId: string | null;
  lines: number;
  /** Includes those that are quarantined beyond a partner's daily limit: only the lead may learn about that. */
  created: number;
  quarantined: number;
  confirmed: number;
  alreadySigned: number;
  leftOut: number;
  /** Replaces all outcomes above for actors from whom something is hidden. */
  accepted: number;
  failed: number;
  /** Of the lines that were not refused: those of which something was left out. */
  warned: number;
};

export const NO_LINES: Readonly<ImportTally> = {
  importId: null,
  lines: 0,
  created: 0,
  quarantined: 0,
  confirmed: 0,
  alreadySigned: 0,
  leftOut: 0,
  accepted: 0,
  failed: 0,
  warned: 0,
};

/** What the lines are reported to. */
export type ImportListener = {
  /** Called for each error of a line that was refused. */
  onError: (problem: LineProblem) => void;
  /** Called for each field that was left out of a line. */
  onWarning?: (problem: LineProblem) => void;
};

const report = (hear: (problem: LineProblem) => void, line: number, errors: readonly FieldError[]) => {
  for (const { pointer, code, detail } of errors) {
    hear({ line, field: pointer.replace(/^\//, ''), code, detail });
  }
};

export function refuseLine(
  tally: Pick<ImportTally, 'failed'>,
  { onError }: ImportListener,
  line: number,
  errors: readonly FieldError[],
): void {
  tally.failed += 1;
  report(onError, line, errors);
}

/** Counts a line of which something is to be told, though it was not refused. */
export function warnOfLine(
  tally: Pick<ImportTally, 'warned'>,
  { onWarning }: ImportListener,
  line: number,
  warnings: readonly FieldError[],
): void {
  if (warnings.length === 0) return;
  tally.warned += 1;
  if (onWarning) report(onWarning, line, warnings);
}

/** Counts a line by its outcome. `warnings`: what was left out of it. */
export function tallyLine(
  tally: ImportTally,
  listener: ImportListener,
  line: number,
  outcome: Outcome | 'accepted',
  warnings: readonly FieldError[],
): void {
  if (Array.isArray(outcome)) return refuseLine(tally, listener, line, outcome);
  if (outcome === 'held') tally.created += 1;
  else if (outcome === 'already_signed') tally.alreadySigned += 1;
  else if (outcome === 'left_out') tally.leftOut += 1;
  else tally[outcome] += 1;
  warnOfLine(tally, listener, line, warnings);
}
