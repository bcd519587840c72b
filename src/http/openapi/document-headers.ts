/*
 * The headers in the API document. Request headers are described here rather than in the schemas of the routes, since
 * they are parsed by hand, with their own errors (428 for a missing If-Match), not by the validator.
 */

export const RESPONSE_HEADERS = {
  'Access-Control-Allow-Origin': {
    description: 'Pages of every origin may read the answer.',
    schema: { type: 'string', enum: ['*'] },
    example: '*',
  },
  'X-Request-Id': {
    description:
      'The id of this request, also in the server’s log: yours if you sent one of 8 to 64 letters, digits and `_.-`. Absent from answers that caches may share.',
    schema: { type: 'string', pattern: '^[A-Za-z0-9_.-]+$', maxLength: 64 },
    example: '0d9b7c1e-51a3-4e0c-9c52-3f6f3d0c5a11',
  },
  'Cache-Control': {
    description: 'Whether, and for how many seconds, the answer may be kept.',
    schema: { type: 'string', pattern: '^[a-z0-9=, -]+$', maxLength: 100 },
    example: 'public, max-age=1, stale-while-revalidate=10',
  },
  RateLimit: {
    description:
      'The limit with the fewest requests left: `r` requests for the next `t` seconds. Absent from answers that caches may share.',
    schema: { type: 'string', pattern: '^"[a-z-]+";r=[0-9]+;t=[0-9]+$', maxLength: 100 },
    example: '"client";r=1199;t=60',
  },
  'RateLimit-Policy': {
    description:
      'The limits that apply: `q` requests in `w` seconds. Absent from answers that caches may share.',
    schema: {
      type: 'string',
      pattern: '^"[a-z-]+";q=[0-9]+;w=[0-9]+(?:, "[a-z-]+";q=[0-9]+;w=[0-9]+)*$',
      maxLength: 300,
    },
    example: '"client";q=1200;w=60',
  },
  'Retry-After': {
    description: 'Seconds to wait before the request is worth repeating.',
    schema: { type: 'integer', format: 'int32', minimum: 0, maximum: 2_147_483_647 },
    example: 12,
  },
  'WWW-Authenticate': {
    description: 'How to authenticate: with a bearer token.',
    schema: { type: 'string', enum: ['Bearer'] },
    example: 'Bearer',
  },
  Age: {
    description:
      'Only from a replica of the database: for how many seconds, at most, the answer may have been out of date. Caches keep it for so much less.',
    schema: { type: 'integer', format: 'int32', minimum: 0, maximum: 3600 },
    example: 1,
  },
  ETag: {
    description:
      'Names this state of the resource, for If-None-Match and, where a change asks for it, If-Match.',
    schema: { type: 'string', pattern: '^"[A-Za-z0-9._-]+"$', maxLength: 64 },
    example: '"v3.6qZ0f1sX8c0r6Zk3"',
  },
  'Content-Language': {
    description: 'The languages of the texts in the answer; absent from a list without items.',
    schema: { type: 'string', pattern: '^[A-Za-z0-9-]+(?:, [A-Za-z0-9-]+)*$', maxLength: 1000 },
    example: 'de',
  },
  Link: {
    description:
      'Where to go on (RFC 8288): `next`, the next page of a list, absent on the last one; `alternate`, a petition as oEmbed.',
    schema: {
      type: 'string',
      pattern: '^<[^>]+>; rel="(?:next|alternate)"(?:; [a-z]+\\*?=[!-~ ]+)*$',
      maxLength: 5000,
    },
    example: '</v1/petitions?limit=20&cursor=eyJ2IjoxfQ>; rel="next"',
  },
  Location: {
    description: 'Where the resource is.',
    schema: { type: 'string', format: 'uri-reference', maxLength: 5000 },
    example: '/v1/petitions/pet_01kb1vq6h8er3ap3b6n2q4w5xk',
  },
  'Content-Disposition': {
    description: 'The answer is a file to save, under this name.',
    schema: { type: 'string', pattern: '^attachment; filename="[A-Za-z0-9._-]+"$', maxLength: 100 },
    example: 'attachment; filename="my-data.json"',
  },
} as const;
export type ResponseHeader = keyof typeof RESPONSE_HEADERS;

export const REQUEST_HEADERS = {
  'Idempotency-Key': {
    description:
      'Makes the request safe to repeat: the first answer is returned again for at least 24 hours. Private to your API key and to the route. Without an API key other callers could send the same value, so use a UUID.',
    required: false,
    schema: { type: 'string', pattern: '^(?:"[!#-~]{1,255}"|[!#-~]{1,255})$', maxLength: 257 },
    example: '7f0c5a1e-2d4b-4c8e-9a55-0b1d6e3f2a77',
  },
  'If-Match': {
    description:
      'The ETag that you have read, so that you do not overwrite another change; `*` for any state.',
    required: true,
    schema: { type: 'string', pattern: '^(?:\\*|"[A-Za-z0-9._-]+")$', maxLength: 64 },
    example: '"v3.6qZ0f1sX8c0r6Zk3"',
  },
  'If-None-Match': {
    description: 'The ETag of your copy: if it is still current, the answer is a 304 without a body.',
    required: false,
    schema: { type: 'string', pattern: '^[ -~]*$', maxLength: 1000 },
    example: '"v3.6qZ0f1sX8c0r6Zk3"',
  },
  'Accept-Language': {
    description: 'The languages that the reader wants, as browsers send them: the weights count.',
    required: false,
    schema: { type: 'string', pattern: '^[ -~]*$', maxLength: 1000 },
    example: 'de-AT, de;q=0.9, en;q=0.8',
  },
  'Last-Event-ID': {
    description: 'The id of the last event that you have. Browsers send it when they reconnect.',
    required: false,
    schema: { type: 'string', pattern: '^[ -~]*$', maxLength: 100 },
    example: '6qZ0f1sX8c0r6Zk3',
  },
} as const;
export type RequestHeader = keyof typeof REQUEST_HEADERS;
