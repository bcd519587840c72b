/**
 * The catalogue of errors: every code with its status and title. Clients branch on codes, so the meaning of a code must
 * never change. GET /problems shows them.
 */
export const ERRORS = {
  // The request itself
  invalid_request: [400, 'The request is not valid HTTP for this API'],
  invalid_json: [400, 'The body is not valid JSON'],
  invalid_query: [400, 'A query or path parameter is not valid'],
  invalid_header: [400, 'A header is not valid'],
  invalid_cursor: [400, 'The cursor does not belong to this list'],
  invalid_body: [422, 'The body does not match its schema'],
  not_found: [404, 'There is nothing here'],
  method_not_allowed: [405, 'This resource does not have that method'],
  body_too_large: [413, 'The body is too large'],
  uri_too_long: [414, 'The URL is too long'],
  unsupported_media_type: [415, 'The media type of the body is not taken here'],
  headers_too_large: [431, 'The headers are too large'],
  request_timeout: [408, 'The request took too long to arrive'],
  rate_limited: [429, 'Too many requests'],

  // Who is asking
  key_required: [401, 'This operation needs a secret key'],
  invalid_key: [401, 'The key is not valid'],
  test_key: [403, 'A test key cannot do that'],
  admin_key_required: [401, 'This operation needs an admin key'],
  secret_key_in_browser: [403, 'A secret key was used from a web page'],
  scope_required: [403, 'The key lacks the scope for this operation'],
  origin_not_allowed: [403, 'This page may not do that'],
  not_a_partner: [403, 'The key belongs to an organization that takes no part in this petition'],
  vouching_not_agreed: [403, 'The partnership does not let its partner vouch'],

  // Concurrency and retries
  precondition_required: [428, 'This change needs an If-Match header'],
  precondition_failed: [412, 'The resource has changed since it was read'],
  idempotency_key_reused: [422, 'The Idempotency-Key was used for another request'],

  // Petitions
  petition_not_found: [404, 'There is no such petition'],
  petition_taken_down: [410, 'The petition was taken down'],
  petition_not_published: [409, 'The petition is a draft'],
  petition_not_open: [409, 'The petition is not open yet'],
  petition_closed: [409, 'The petition is closed'],
  slug_taken: [409, 'The slug belongs to something else'],
  statement_fixed: [409, 'The statement can no longer change'],
  own_language: [409, 'The petition itself is in this language'],
  translation_not_found: [404, 'The petition has no translation into this language'],
  translation_signed: [409, 'People have signed in this language'],
  too_many_translations: [409, 'The petition has as many translations as it can have'],
  external_id_taken: [409, 'The external id belongs to something else'],
  transition_not_allowed: [409, 'The petition cannot make this move'],

  // Links and sessions that were mailed
  link_not_found: [404, 'The link does not work'],
  session_required: [401, 'This operation needs a session'],
  invalid_session: [401, 'The session is over'],

  // Deliveries
  delivery_not_found: [404, 'There is no such delivery'],
  delivery_not_sent: [409, 'The delivery was not handed over yet'],
  delivery_transition_not_allowed: [409, 'The delivery cannot make this move'],
  too_many_deliveries: [409, 'As many deliveries were mailed today as may be'],
  delivery_file_not_found: [404, 'The delivery has no such file'],
  delivery_files_gone: [410, 'The files of the delivery are kept no longer'],

  // Own words
  response_not_found: [404, 'There is no such response'],
  too_many_responses: [409, 'The petition has as many responses as it can have'],
  words_not_found: [404, 'The petition has no own words in this language'],
  too_many_languages: [409, 'The petition has own words in as many languages as it can have'],

  // Consent and subscriptions
  consent_text_not_found: [404, 'There is no such consent text'],
  subscription_not_found: [404, 'There is no such subscription'],
  consent_required: [409, 'There is no consent for this'],
  do_not_contact: [409, 'This address must not be mailed'],
  mailing_not_found: [404, 'There is no such mailing'],
  mailing_not_editable: [409, 'The mailing can no longer change'],
  mailing_transition_not_allowed: [409, 'The mailing cannot make this move'],
  mailing_not_ready: [409, 'The mailing is not ready to be sent'],
  mailing_link_not_found: [404, 'There is no such link'],
  variant_not_found: [404, 'The mailing has no such variant'],
  segment_not_found: [404, 'There is no such segment'],
  invalid_webhook: [401, 'The webhook is not signed as it should be'],

  // Signatures, keys
  signature_not_found: [404, 'There is no such signature'],
  paper_signature_not_found: [404, 'There is no such paper signature'],
  paper_batch_not_found: [404, 'There is no such batch of paper signatures'],
  offset_not_found: [404, 'There is no such offset'],
  too_many_offsets: [409, 'The petition has as many offsets as it can have'],
  vouch_limit_reached: [409, 'The partner may vouch for no more today'],
  already_invalidated: [409, 'The signature is invalidated already'],
  not_invalidated: [409, 'The signature is not invalidated'],
  signature_withdrawn: [409, 'The signer has withdrawn the signature'],
  signer_forgotten: [409, 'The signer is not known any more'],
  api_key_not_found: [404, 'There is no such key'],
  not_quarantined: [409, 'The signature is not quarantined'],
  already_quarantined: [409, 'The signature is quarantined already'],
  form_required: [409, 'The petition can be signed with its form only'],
  challenge_required: [403, 'This signature needs a proof of work'],
  challenge_invalid: [403, 'The proof of work does not hold'],
  preview_outdated: [409, 'The signatures have changed since the preview'],

  // Sharing and partners
  share_link_not_found: [404, 'There is no such share link'],
  receipt_invalid: [422, 'The receipt does not belong to a signature of this petition'],
  partnership_not_found: [404, 'There is no such partnership'],
  too_many_partners: [409, 'The petition has as many partners as it can have'],
  partnership_state: [409, 'The partnership cannot make this move'],
  organization_not_found: [404, 'There is no such organization'],
  isolation_not_found: [404, 'The key is not isolated'],
  unsupported_format: [501, 'The format is not supported'],
  too_many_listeners: [503, 'Too many listen at the moment'],

  // The server
  internal_error: [500, 'Something went wrong on our side'],
  paused: [503, 'The operator has paused this'],
  overloaded: [503, 'The server is too busy'],
  storage_unavailable: [503, 'The database cannot be reached'],
  shutting_down: [503, 'The server is shutting down'],
  storage_full: [507, 'The disk is full'],
} as const satisfies Record<string, readonly [number, string]>;

export type ErrorCode = keyof typeof ERRORS;

/** An invalid field: a JSON pointer into the body or to a parameter, a code, and what to do about it. */
export type FieldError = { pointer: string; code: string; detail: string };

export type ErrorDetails = {
  /** What is wrong and what to do about it. It must never contain an address, a token or a value that was sent. */
  detail?: string;
  errors?: FieldError[];
  /** Further members of the problem, named in `schema/api/problems.ts`. */
  extra?: Record<string, unknown>;
  headers?: Record<string, string>;
};

/** An error of the catalogue, which the caller receives as a problem. Any other error becomes `internal_error`. */
export class ApiError extends Error {
  readonly status: number;

  constructor(
    readonly code: ErrorCode,
    readonly details: ErrorDetails = {},
  ) {
    super(details.detail ?? ERRORS[code][1]);
    this.name = 'ApiError';
    this.status = ERRORS[code][0];
  }
}

/** An `invalid_body` error for one or more fields. */
export const invalidBody = (...errors: FieldError[]): ApiError =>
  new ApiError('invalid_body', {
    detail: errors.length === 1 ? 'One field is wrong.' : `${errors.length} fields are wrong.`,
    errors,
  });

export const tooMany = (seconds: number): ApiError =>
  new ApiError('rate_limited', {
    detail: `Wait ${seconds} seconds.`,
    headers: { 'retry-after': String(seconds) },
  });

/**
 * What may be logged of an error. Messages of database drivers hold bound values, and so addresses: of those errors
 * only type, code and stack are logged, without the message.
 */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const cause = error.cause instanceof Error ? error.cause : undefined;
  const code = codeOf(error) ?? (cause && codeOf(cause));
  const frames = (error.stack ?? '').split('\n').filter((line) => line.trimStart().startsWith('at '));
  const driver = code !== undefined || error.name === 'DrizzleQueryError';
  return {
    type: error.constructor.name,
    ...(code === undefined ? {} : { code }),
    ...(driver ? {} : { message: error.message }),
    stack: frames.slice(0, 12).join('\n'),
  };
}

const codeOf = (error: Error): string | undefined => {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
};
