import { and, eq, inArray, isNull } from 'drizzle-orm';
import { invalidBody, type FieldError } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import { listThresholds, type Threshold } from '../counts/milestones.js';
import { requireWritten } from '../overtaken.js';

/* What is promised for which number of signatures. When a number is reached: src/core/counts/milestones.ts. */

export type ThresholdInput = { value: number; promise: string };

/** The errors that a schema cannot find. */
export function checkThresholds(thresholds: readonly ThresholdInput[]): FieldError[] {
  const values = thresholds.map(({ value }) => value);
  return values.flatMap((value, i) =>
    values.indexOf(value) === i
      ? []
      : [
          {
            pointer: `/thresholds/${i}/value`,
            code: 'not_unique',
            detail: `${value} is listed twice: promise one thing for each number.`,
          },
        ],
  );
}

/**
 * Replaces the thresholds of a petition, and returns their values for its row. One that was reached stays, but for the
 * words of its promise. Throws `invalid_body`.
 */
export async function writeThresholds(
  tx: Tx,
  petitionKey: number,
  wanted: readonly ThresholdInput[],
): Promise<number[]> {
  const { thresholds: t } = tx.tables;
  const known = await listThresholds(tx, petitionKey);
  const values = wanted.map(({ value }) => value).sort((a, b) => a - b);
  const gone = known.filter(({ value }) => !values.includes(value));
  refuseReached(gone);
  if (gone.length > 0) {
    const these = inArray(
      t.value,
      gone.map(({ value }) => value),
    );
    // On the condition that it was not reached meanwhile.
    const deleted = await tx.db
      .delete(t)
      .where(and(eq(t.petitionKey, petitionKey), these, isNull(t.reachedAt)))
      .returning({ value: t.value });
    requireWritten(deleted, gone.length);
    const { responses } = tx.tables;
    const answered = inArray(
      responses.threshold,
      gone.map(({ value }) => value),
    );
    await tx.db
      .update(responses)
      .set({ threshold: null })
      .where(and(eq(responses.petitionKey, petitionKey), answered));
  }
  for (const { value, promise } of wanted) {
    await tx.db
      .insert(t)
      .values({ petitionKey, value, promise })
      .onConflictDoUpdate({ target: [t.petitionKey, t.value], set: { promise } });
  }
  return values;
}

function refuseReached(gone: readonly Threshold[]): void {
  const reached = gone.filter(({ reachedAt }) => reachedAt !== null).map(({ value }) => value);
  if (reached.length === 0) return;
  throw invalidBody({
    pointer: '/thresholds',
    code: 'reached',
    detail: `${reached.join(', ')} has been reached, so the number stays: list it again. The words of its promise can be corrected.`,
  });
}
