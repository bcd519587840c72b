import { ERRORS, type ErrorCode, type ErrorDetails } from '../errors.js';

/**
 * The body of a problem. `request_id` is its last member unless there are `errors` or `extra`. `detail` defaults to the
 * title as a sentence.
 */
export function problemJson(
  publicUrl: string,
  code: ErrorCode,
  requestId: string,
  { detail, errors, extra }: Omit<ErrorDetails, 'headers'> = {},
): string {
  const [status, title] = ERRORS[code];
  return JSON.stringify({
    type: `${publicUrl}/problems#${code}`,
    title,
    status,
    code,
    detail: detail ?? `${title}.`,
    request_id: requestId,
    ...(errors ? { errors } : {}),
    ...extra,
  });
}
