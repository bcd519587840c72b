import type { TSchema } from '@sinclair/typebox';
import { Problem } from '../../schema/api/problems.js';
import { ref } from '../../schema/api/typebox.js';
import { ERRORS, type ErrorCode } from '../errors.js';

/** Which keys an operation takes. */
export type Access = 'service' | 'open' | 'secret';

export const TAGS = {
  Petitions: 'The asks, their texts and their life.',
  Signatures: 'Signing, and what organisers do with signatures.',
  Counts: 'How many have signed, now and over time.',
  Organization: 'The organization that a key belongs to, and its keys.',
  Service: 'Health, metrics and this document.',
} as const;

type Answer = TSchema | { description: string; content?: Record<string, { schema: TSchema }> };

export type OperationInput = {
  operationId: string;
  tag: keyof typeof TAGS;
  access: Access;
  summary: string;
  description: string;
  params?: TSchema;
  querystring?: TSchema;
  body?: TSchema;
  /** The answers when all goes well, by status. */
  answers: Record<number, Answer>;
  /** The codes of its own; those that every operation of its access can meet are added. */
  errors?: readonly ErrorCode[];
};

const ALWAYS: readonly ErrorCode[] = ['invalid_request', 'uri_too_long', 'rate_limited', 'internal_error', 'storage_unavailable'];
const WITH: Record<Access, readonly ErrorCode[]> = {
  service: [],
  open: ['invalid_key', 'secret_key_in_browser'],
  secret: ['invalid_key', 'key_required', 'secret_key_in_browser', 'scope_required'],
};
const WITH_BODY: readonly ErrorCode[] = [
  'invalid_json',
  'invalid_body',
  'body_too_large',
  'unsupported_media_type',
  'overloaded',
  'storage_full',
];

const SECURITY: Record<Access, Record<string, string[]>[]> = {
  service: [{}],
  open: [{}, { publishableKey: [] }, { secretKey: [] }],
  secret: [{ secretKey: [] }],
};

/** The route schema of an operation: contract, words and every error it can answer, in one place. */
export function operation<const Input extends OperationInput>(input: Input) {
  const { operationId, tag, access, summary, description, params, querystring, body, answers, errors = [] } = input;
  const codes = new Set([
    ...ALWAYS,
    ...WITH[access],
    ...(querystring ? (['invalid_query'] as const) : []),
    ...(body ? WITH_BODY : []),
    ...errors,
  ]);
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) byStatus.set(ERRORS[code][0], [...(byStatus.get(ERRORS[code][0]) ?? []), code]);
  const problems = [...byStatus].map(([status, some]) => [
    status,
    {
      description: some.map((code) => `\`${code}\`: ${ERRORS[code][1]}.`).join('\n'),
      content: { 'application/problem+json': { schema: ref(Problem) } },
    },
  ]);
  const good = Object.entries(answers).map(([status, answer]) => [
    status,
    'description' in answer && !('type' in answer) && !('$ref' in answer)
      ? answer
      : { description: (answer as TSchema).description, content: { 'application/json': { schema: ref(answer as TSchema) } } },
  ]);
  return {
    operationId,
    tags: [tag],
    summary,
    description,
    security: SECURITY[access],
    ...(params ? { params } : {}),
    ...(querystring ? { querystring } : {}),
    ...(body ? { body: ref(body) } : {}),
    response: Object.fromEntries([...good, ...problems]) as Record<number, unknown>,
  } as unknown as RouteSchema<Input>;
}

type Part<Input, Name extends string> = Input extends Record<Name, infer Schema extends TSchema> ? Record<Name, Schema> : unknown;

type RouteSchema<Input extends OperationInput> = { operationId: string; response: Record<number, unknown> } & Part<Input, 'params'> &
  Part<Input, 'querystring'> &
  Part<Input, 'body'>;
