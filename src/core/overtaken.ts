import { RunAgain } from '../store/store.js';

/**
 * Takes the rows that a conditional write returned: an update of what is still as it was read, or an insert of what was not
 * there. Returns the first of them. When fewer than `expected` were written the transaction runs again, which happens on
 * PostgreSQL alone: there another transaction may come between the read and the write.
 */
export function unlessOvertaken<Row>(written: readonly Row[], expected = 1): Row {
  const [first] = written;
  if (first === undefined || written.length < expected) throw new RunAgain();
  return first;
}
