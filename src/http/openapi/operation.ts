import type { TSchema } from '@sinclair/typebox';
import { Problem } from '../../../schema/api/problems.js';
import { closed, enumOf, ref } from '../../../schema/api/typebox.js';
import { ERRORS, type ErrorCode } from '../../errors.js';
import { APPENDED } from '../../core/appended-query.js';
import type { RequestHeader, ResponseHeader } from './document-headers.js';
import { problemExample } from './problem-examples.js';

/** The block of an operation, which decides who may call it: see src/routes.ts. */
export type Access = 'service' | 'open' | 'session' | 'secret' | 'admin';

/** The tags of the document, in its order. */
export const TAGS = {
  Petitions: 'Petitions, their texts and their status.',
  Signatures: 'Signing, and what organisers do with signatures.',
  Counts: 'How many have signed, now and over time.',
  Paper: 'Signatures on paper, and numbers that were counted elsewhere.',
  Sharing: 'Links that people spread, what they bring, and how a petition looks elsewhere.',
  Confirmation: 'Proof that the person who typed an address reads its mailbox.',
  Subscriptions: 'Who may be mailed, with the consent that says so, and how to leave.',
  'My data': 'What a supporter sees and changes, with a link that was mailed to them.',
  Partners:
    'The coalition of a petition: who takes part, on which terms, and how many signatures each has brought.',
  Segments: 'Whom a mailing goes to: conditions on your subscribers, and how many people they select.',
  Mailings: 'Mails to your subscribers: writing and checking them, or personal links for your own mailer.',
  'Mailing results':
    'What mailings brought: clicks, signatures, the winner of a test, bounces and complaints.',
  Deliveries: 'Signatures as they are handed to those whom a petition addresses, with what proves it.',
  Organization: 'The organization that a key belongs to, and its keys.',
  Service: 'Health, metrics and this document. They need no key.',
} as const;

/** An answer that is not the JSON of a component: `content` by media type, or none for an answer without a body. */
type PlainAnswer = { description: string; content?: Record<string, { schema: TSchema }> };
type Answer = TSchema | PlainAnswer;

export type OperationInput = {
  operationId: string;
  tag: keyof typeof TAGS;
  access: Access;
  summary: string;
  description: string;
  params?: TSchema;
  querystring?: TSchema;
  /** Accepts and ignores any query: for files and pages, to whose URLs sites and social networks append parameters. */
  anyQuery?: true;
  body?: TSchema;
  /** It changes something, though it has no body and no conditions. */
  changes?: true;
  /** A streamed body: the schema of the file, or of one line of it, by media type. */
  files?: Record<string, { schema: TSchema }>;
  /** The answers that are not errors, by status. */
  answers: Record<number, Answer>;
  /** Response headers of these answers that do not follow from the rest. */
  sends?: readonly ResponseHeader[];
  /** Request headers that do not follow from the rest. */
  takes?: readonly RequestHeader[];
  /** Those that it does not work without, though others do. */
  needs?: readonly RequestHeader[];
  /** Its specific error codes; those of every operation with the same access are added. */
  errors?: readonly ErrorCode[];
};

const ALWAYS: readonly ErrorCode[] = [
  'invalid_request',
  'uri_too_long',
  'rate_limited',
  'internal_error',
  'overloaded',
  'storage_unavailable',
];
const WITH_KEY: readonly ErrorCode[] = ['invalid_key', 'secret_key_in_browser', 'origin_not_allowed'];
const WITH: Record<Access, readonly ErrorCode[]> = {
  service: WITH_KEY,
  open: WITH_KEY,
  session: ['session_required', 'invalid_session'],
  secret: [...WITH_KEY, 'key_required', 'scope_required'],
  admin: ['admin_key_required', 'invalid_key', 'secret_key_in_browser', 'scope_required'],
};
const WITH_BODY: readonly ErrorCode[] = [
  'invalid_json',
  'invalid_body',
  'body_too_large',
  'unsupported_media_type',
  'storage_full',
];

const SECURITY: Record<Access, Record<string, string[]>[]> = {
  service: [{}, { publishableKey: [] }, { secretKey: [] }],
  open: [{}, { publishableKey: [] }, { secretKey: [] }],
  session: [{ session: [] }],
  secret: [{ secretKey: [] }],
  admin: [{ adminKey: [] }],
};

/** Operations without a query refuse one, so that no parameter is silently ignored. */
const NO_QUERY = closed({});

const withAppended = (query: TSchema): TSchema => ({ ...query, patternProperties: { [APPENDED]: {} } });

/** The route schema of an operation: contract, description and every error that it can return. */
export function operation<const Input extends OperationInput>(input: Input) {
  const { operationId, tag, access, summary, description, params, body, answers } = input;
  const codes = codesOf(input);
  const good = Object.entries(answers).map(([status, answer]) => [
    status,
    { ...toResponse(answer), headers: named(headersOf(Number(status), input)) },
  ]);
  const bad = [...byStatus(codes)].map(([status, some]) => [status, toProblem(status, some)]);
  return {
    operationId,
    tags: [tag],
    summary,
    description,
    security: SECURITY[access],
    ...(params ? { params } : {}),
    ...(input.anyQuery ? {} : { querystring: queryOf(input) }),
    ...(body ? { body: ref(body) } : input.files ? { body: { content: input.files } } : {}),
    response: Object.fromEntries([...good, ...bad]) as Record<number, unknown>,
    // For the document alone: see openapi.ts.
    'x-request-headers': [...requestHeadersOf(codes, answers), ...(input.takes ?? [])],
    'x-required-headers': input.needs ?? [],
  } as unknown as RouteSchema<Input>;
}

const queryOf = ({ access, querystring = NO_QUERY }: OperationInput): TSchema =>
  access === 'open' || access === 'service' ? withAppended(querystring) : querystring;

/** What changes something can be paused. */
const isChange = ({ body, files, changes, errors = [] }: OperationInput): boolean =>
  Boolean(body ?? files ?? changes) || errors.includes('precondition_required');

function codesOf(input: OperationInput): Set<ErrorCode> {
  const { access, anyQuery, body, files, errors = [] } = input;
  const query: ErrorCode[] = anyQuery ? [] : ['invalid_query'];
  const paused: ErrorCode[] = isChange(input) ? ['paused'] : [];
  const of = (body ?? files) ? WITH_BODY : [];
  return new Set([...ALWAYS, ...WITH[access], ...query, ...of, ...paused, ...errors]);
}

/** In the order of the catalogue, so that the same errors read the same in every operation. */
function byStatus(codes: Set<ErrorCode>): Map<number, ErrorCode[]> {
  const statuses = new Map<number, ErrorCode[]>();
  for (const [code, [status]] of Object.entries(ERRORS) as [ErrorCode, readonly [number, string]][]) {
    if (codes.has(code)) statuses.set(status, [...(statuses.get(status) ?? []), code]);
  }
  return statuses;
}

function toResponse(answer: Answer) {
  if (isPlain(answer)) return answer.content ? answer : { ...answer, type: 'null' };
  return { description: answer.description, content: { 'application/json': { schema: ref(answer) } } };
}

const isPlain = (answer: Answer): answer is PlainAnswer => !('type' in answer) && !('$ref' in answer);

function toProblem(status: number, codes: ErrorCode[]) {
  return {
    description: codes.map((code) => `\`${code}\`: ${ERRORS[code][1]}.`).join('\n'),
    headers: named([
      ...COMMON,
      ...(status === 401 ? (['WWW-Authenticate'] as const) : []),
      ...(codes.some((code) => RETRIED.has(code)) ? (['Retry-After'] as const) : []),
    ]),
    content: {
      'application/problem+json': {
        schema: problemOf(codes),
        examples: Object.fromEntries(
          codes.map((code) => [code, { summary: ERRORS[code][1], value: problemExample(code) }]),
        ),
      },
    },
  };
}

/** A problem with exactly the codes of this operation and status, so that clients can switch on them exhaustively. */
const problemOf = (codes: ErrorCode[]) => ({
  allOf: [ref(Problem), { type: 'object', properties: { code: enumOf(codes) } }],
});

/** Codes whose answers have Retry-After. */
const RETRIED = new Set<ErrorCode>([
  'rate_limited',
  'petition_not_open',
  'paused',
  'overloaded',
  'storage_unavailable',
  'shutting_down',
  'storage_full',
  'too_many_listeners',
]);

/** A request that is refused before it is counted has no RateLimit: the headers are never required. */
const COMMON: readonly ResponseHeader[] = [
  'Access-Control-Allow-Origin',
  'X-Request-Id',
  'Cache-Control',
  'RateLimit',
  'RateLimit-Policy',
];

function headersOf(status: number, { answers, errors = [], sends = [] }: OperationInput): ResponseHeader[] {
  const found = status < 300 || status === 304;
  const tagged = 304 in answers || errors.includes('precondition_required');
  const paged = Object.values(answers).some((answer) => !isPlain(answer) && answer.$id?.endsWith('Page'));
  return [
    ...COMMON,
    ...(found && tagged ? (['ETag'] as const) : []),
    ...(found && (paged || sends.includes('Link')) ? (['Link'] as const) : []),
    ...(found && sends.includes('Age') ? (['Age'] as const) : []),
    ...(found && sends.includes('Content-Language') ? (['Content-Language'] as const) : []),
    ...(status === 302 || status === 308 ? (['Location'] as const) : []),
    ...(status < 300 ? sends : []),
  ];
}

function requestHeadersOf(codes: Set<ErrorCode>, answers: OperationInput['answers']): RequestHeader[] {
  return [
    ...(codes.has('idempotency_key_reused') ? (['Idempotency-Key'] as const) : []),
    ...(codes.has('precondition_required') ? (['If-Match'] as const) : []),
    ...(304 in answers ? (['If-None-Match'] as const) : []),
  ];
}

/** Only the names: openapi.ts replaces the empty objects with references. */
const named = (headers: ResponseHeader[]) => Object.fromEntries(headers.map((name) => [name, {}]));

type Part<Input, Name extends string> =
  Input extends Record<Name, infer Schema extends TSchema> ? Record<Name, Schema> : unknown;

type RouteSchema<Input extends OperationInput> = {
  operationId: string;
  response: Record<number, unknown>;
} & Part<Input, 'params'> &
  Part<Input, 'querystring'> &
  Part<Input, 'body'>;
