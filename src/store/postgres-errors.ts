import { ApiError } from '../errors.js';
import { RunAgain } from './store.js';

/* The meaning of PostgreSQL's errors: which to repeat, and what callers get. */

/** drizzle wraps the driver's error and keeps it as the cause. */
const driverError = (error: unknown): { code?: unknown; message?: unknown } =>
  (error instanceof Error && error.cause !== undefined ? error.cause : error) ?? {};

const postgresCode = (error: unknown): string => {
  const { code } = driverError(error);
  return typeof code === 'string' ? code : '';
};

/** serialization_failure, deadlock_detected: PostgreSQL wants the transaction to be repeated. */
export const isConflict = (error: unknown): boolean => ['40001', '40P01'].includes(postgresCode(error));

/** read_only_sql_transaction: the server is a standby, or no longer the primary. */
export const isReadOnly = (error: unknown): boolean => postgresCode(error) === '25006';

/**
 * Whether running the transaction again may help. That includes unique violations: the row that was not found exists
 * now, so the next run finds it. A violation that remains is a bug, and is thrown in the end.
 */
export const mayRunAgain = (error: unknown): boolean =>
  isConflict(error) || error instanceof RunAgain || postgresCode(error) === '23505';

/** Whether the error is the database's, so that every other work would get it now, too. */
export const isAboutAll = (error: unknown): boolean =>
  !(error instanceof ApiError || error instanceof RunAgain) && explain(error) instanceof ApiError;

/** The driver's messages without a code when there is no connection, or no longer one. */
const NO_CONNECTION =
  /timeout exceeded when trying to connect|Query read timeout|Connection terminated|not queryable|after calling end/;

/**
 * Translates PostgreSQL's codes into `ApiError`s; the only place that knows them:
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function explain(error: unknown): unknown {
  if (error instanceof ApiError) return error;
  const code = postgresCode(error);
  if (code === '53100') return new ApiError('storage_full');
  if (code === '57014' || isConflict(error) || error instanceof RunAgain) return new ApiError('overloaded');
  // Connection exceptions, insufficient resources, operator intervention, a transaction that the server ended, a
  // standby, and errno codes.
  const lost = /^(08|53|57P|25P03$|25006$)/.test(code) || /^E[A-Z]+$/.test(code);
  const noConnection = code === '' && NO_CONNECTION.test(String(driverError(error).message));
  return lost || noConnection ? new ApiError('storage_unavailable') : error;
}
