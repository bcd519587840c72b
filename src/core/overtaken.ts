import { RunAgain } from '../store/store.js';

/**
 * Checks the result of a conditional write: an update on the condition of what was read, or an insert of what was
 * absent. Returns the first written row. If fewer than `expected` were written, the transaction runs again; that
 * happens only on PostgreSQL, where another transaction may commit between the read and the write.
 */
export function requireWritten<Row>(written: readonly Row[], expected = 1): Row {
  const [first] = written;
  if (first === undefined || written.length < expected) throw new RunAgain();
  return first;
}
