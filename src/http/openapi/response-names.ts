import type { ErrorCode } from '../../errors.js';

/**
 * Names of error responses that several operations share, by their codes. Do not rename them: generated clients name
 * their types after these.
 */
const SHARED: Record<string, readonly ErrorCode[]> = {
  BadRequest: ['invalid_request', 'invalid_query'],
  BadPage: ['invalid_request', 'invalid_query', 'invalid_cursor'],
  BadBody: ['invalid_request', 'invalid_json', 'invalid_query'],
  BadPost: ['invalid_request', 'invalid_json', 'invalid_query', 'invalid_header'],
  KeyRequired: ['key_required', 'invalid_key'],
  SessionRequired: ['session_required', 'invalid_session'],
  Forbidden: ['secret_key_in_browser', 'origin_not_allowed'],
  ScopeForbidden: ['secret_key_in_browser', 'scope_required', 'origin_not_allowed'],
  ConsentConflict: ['consent_required', 'do_not_contact'],
  InvalidPost: ['invalid_body', 'idempotency_key_reused'],
  Unavailable: ['overloaded', 'storage_unavailable'],
  UnavailableOrStopping: ['overloaded', 'storage_unavailable', 'shutting_down'],
};
const names = new Map(Object.entries(SHARED).map(([name, codes]) => [codes.join(), name]));

/** Shorter names for what would be longer than generators like. */
const SHORT: Record<string, string> = {
  DeletePetitionTranslationUnavailable: 'DeleteTranslationUnavailable',
};

/** The suffix for error responses of a single operation, after its name. */
const REASONS: Record<string, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  503: 'Unavailable',
};

/** The name of an error response: one of SHARED, else that of its only code, else that of its operation and status. */
export function problemName(operationId: string, status: string, codes: readonly string[]): string {
  const [code = ''] = codes;
  const whole = `${pascal(operationId)}${REASONS[status] ?? status}`;
  return names.get(codes.join()) ?? (codes.length === 1 ? pascal(code) : (SHORT[whole] ?? whole));
}

export const pascal = (name: string): string =>
  name.replace(/(?:^|[_-])([a-z])/gi, (_match, letter: string) => letter.toUpperCase());
