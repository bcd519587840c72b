import { ApiError } from '../errors.js';
import { RunAgain } from './store.js';

/** Query builders wrap the driver's error and keep it as the cause. */
const driverError = (error: unknown): { code?: unknown; message?: unknown } =>
  (error instanceof Error && error.cause !== undefined ? error.cause : error) ?? {};

const postgresCode = (error: unknown): string => {
  const { code } = driverError(error);
  return typeof code === 'string' ? code : '';
};

/** serialization_failure, deadlock_detected: the server asks us to try again. */
export const isConflict = (error: unknown): boolean => ['40001', '40P01'].includes(postgresCode(error));

/** read_only_sql_transaction: this is a standby, or the primary no longer. */
export const isReadOnly = (error: unknown): boolean => postgresCode(error) === '25006';

/**
 * A unique violation too: what was looked for in vain is there now, so that the next run sees it and answers rightly. One
 * that stays is a mistake of ours, and is thrown in the end.
 */
export const mayRunAgain = (error: unknown): boolean =>
  isConflict(error) || error instanceof RunAgain || postgresCode(error) === '23505';

/** Whether an error is the database's own, and whoever asks now would hear the same. */
export const isAboutAll = (error: unknown): boolean =>
  !(error instanceof ApiError || error instanceof RunAgain) && explain(error) instanceof ApiError;

/** What the driver says, without a code, when there is no connection or no longer one. */
const NO_CONNECTION =
  /timeout exceeded when trying to connect|Query read timeout|Connection terminated|not queryable|after calling end/;

/** The one place where PostgreSQL's codes are known: https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function explain(error: unknown): unknown {
  if (error instanceof ApiError) return error;
  const code = postgresCode(error);
  if (code === '53100') return new ApiError('storage_full');
  if (code === '57014' || isConflict(error) || error instanceof RunAgain) return new ApiError('overloaded');
  // Connection exceptions, insufficient resources, operator intervention, a transaction that the server gave up, a
  // standby, errno.
  const lost = /^(08|53|57P|25P03$|25006$)/.test(code) || /^E[A-Z]+$/.test(code);
  const noConnection = code === '' && NO_CONNECTION.test(String(driverError(error).message));
  return lost || noConnection ? new ApiError('storage_unavailable') : error;
}
