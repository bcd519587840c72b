import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchemaValidationError,
} from 'fastify';
import { ruleOf } from '../../schema/api/typebox.js';
import { Moved } from '../core/petitions/petition-lookup.js';
import { ApiError, describeError, type ErrorCode, type FieldError } from '../errors.js';
import { problemJson } from './problem-json.js';

/** Fastify's own errors, by their code. */
const FRAMEWORK: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_json',
  FST_ERR_BAD_URL: 'invalid_request',
  FST_ERR_MAX_PARAM_LENGTH: 'uri_too_long',
  FST_ERR_ASYNC_CONSTRAINT: 'invalid_request',
};

const CONTEXT: Record<string, ErrorCode> = { body: 'invalid_body', headers: 'invalid_header' };
const MAX_FIELD_ERRORS = 50;

export type ProblemOptions = {
  publicUrl: string;
  /** Translates an error of a database driver into one of the catalogue, where the store knows it. */
  explain: (error: unknown) => unknown;
  /** Sends people in a browser a page about an unknown path; undefined: it was not asked for by one. */
  notFoundPage: (request: FastifyRequest, reply: FastifyReply) => FastifyReply | undefined;
};

/** What an error is answered with. */
export type Failure = { status: number; headers: Record<string, string>; body?: string };

/** A request as its failure knows it. */
type Failed = Pick<FastifyRequest, 'id' | 'url'>;

declare module 'fastify' {
  interface FastifyInstance {
    /** What an error that a request has thrown is answered with; unexpected ones are logged. */
    failureOf: (thrown: unknown, request: Failed) => Failure;
  }
}

/** Turns every error into an `application/problem+json` with a code of the catalogue (src/errors.ts). */
export function problems(app: FastifyInstance, { publicUrl, explain, notFoundPage }: ProblemOptions): void {
  const failureOf: FastifyInstance['failureOf'] = (thrown, request) => {
    if (thrown instanceof Moved) return redirect(request, app.ownPages.base, thrown);
    const error = asApiError(explain(thrown));
    if (error.status === 500) {
      app.log.error({ request_id: request.id, error: describeError(thrown) }, 'unexpected error');
    } else if (error.status > 500 && error.code !== 'paused') {
      app.log.warn({ request_id: request.id, code: error.code }, 'cannot serve');
    }
    return problem(request, error);
  };
  const send = (reply: FastifyReply, { status, headers, body }: Failure) =>
    reply.code(status).headers(headers).send(body);
  app.decorate('failureOf', failureOf);
  app.setErrorHandler((thrown: unknown, request, reply) => send(reply, failureOf(thrown, request)));
  app.setNotFoundHandler((request, reply) => {
    const page = notFoundPage(request, reply);
    if (page) return page;
    const error = new ApiError('not_found', { detail: 'See /docs or /openapi.yaml for what there is.' });
    return send(reply, problem(request, error));
  });

  function problem({ id }: Failed, { status, code, details }: ApiError): Failure {
    const headers: Record<string, string> = {
      'cache-control': 'no-store',
      'content-type': 'application/problem+json; charset=utf-8',
    };
    if (status === 401) headers['www-authenticate'] = 'Bearer';
    if (status === 503) headers['retry-after'] = '1';
    if (status === 507) headers['retry-after'] = '60';
    const body = problemJson(publicUrl, code, id, details);
    return { status, headers: Object.assign(headers, details.headers), body };
  }
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const {
    validation,
    validationContext = '',
    code = '',
    statusCode,
  } = (error ?? {}) as Partial<FastifyError>;
  if (validation) {
    const errors = fieldErrors(validation);
    return new ApiError(CONTEXT[validationContext] ?? 'invalid_query', {
      detail: errors.length === 1 ? 'One field is wrong.' : `${errors.length} fields are wrong.`,
      errors,
    });
  }
  const known = FRAMEWORK[code];
  if (known === 'unsupported_media_type') {
    return new ApiError(known, { detail: 'Send the body as JSON, with `Content-Type: application/json`.' });
  }
  if (known) return new ApiError(known);
  return new ApiError(statusCode !== undefined && statusCode < 500 ? 'invalid_request' : 'internal_error');
}

/** In characters: shorter than a token, so that a token sent as a name is never repeated in full. */
const LONGEST_NAME = 40;

/**
 * A name as a step of a JSON pointer. The name may come from a stranger: control, space and invisible characters are
 * replaced, and a long name is cut off.
 */
export const pointerStep = (name: unknown): string =>
  [...String(name)]
    .slice(0, LONGEST_NAME)
    .join('')
    .replace(/(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu, '\uFFFD')
    .replaceAll('~', '~0')
    .replaceAll('/', '~1');

const FORMATS: Record<string, string> = {
  date: 'Write a day like 2026-11-21.',
  email: 'Write it like name@example.org.',
  uri: 'Write a whole URL without a user or password, like https://example.org/page.',
};

/** The `detail` for each keyword of the validator. It must never contain the value that was sent. */
const ADVICE: Record<string, (params: Record<string, unknown>) => string> = {
  required: () => 'It is required: send it.',
  named: () => 'Send it, or given_name and family_name.',
  additionalProperties: () => 'There is no such property: leave it out.',
  type: ({ type }) => `It must be of type ${[type].flat().join(' or ')}.`,
  format: ({ format }) => FORMATS[String(format)] ?? `It must be a ${String(format)} as in RFC 3339.`,
  visible: () => 'There is nothing to see: write it in letters, digits or signs.',
  ownDomain: () => 'Others have pages below that: name a domain of your own, like https://*.example.org.',
  enum: ({ allowedValues }) => `It must be one of: ${(allowedValues as unknown[]).map(String).join(', ')}.`,
  minLength: ({ limit }) => `It must have at least ${String(limit)} characters.`,
  maxLength: ({ limit }) => `It must have at most ${String(limit)} characters.`,
  minItems: ({ limit }) => `It must have at least ${String(limit)} items.`,
  maxItems: ({ limit }) => `It must have at most ${String(limit)} items.`,
  minimum: ({ limit }) => `It must be at least ${String(limit)}.`,
  maximum: ({ limit }) => `It must be at most ${String(limit)}.`,
  minProperties: () => 'It must say at least one thing.',
  maxProperties: ({ limit }) =>
    limit === 1
      ? 'It has several members: send one of them. Several conditions go together inside `all` or `any`.'
      : `It must have at most ${String(limit)} members.`,
  pattern: ({ pattern }) => ruleOf(String(pattern)) ?? 'It has another form: see its pattern and examples.',
  typed: ({ advice }) => String(advice),
};

/** Error codes of this project's keywords. */
const CODES: Record<string, string> = { typed: 'format', named: 'required' };

/**
 * The validator's errors as `errors` of a problem, one for each pointer. The validator reports missing and unknown
 * properties on their parent; here the pointer names the property itself.
 */
export function fieldErrors(found: readonly FastifySchemaValidationError[]): FieldError[] {
  const errors = new Map<string, FieldError>();
  // For "an object or null" the validator reports both branches and their parent: only the object's errors help. Of a
  // condition it reports what is wrong, and the condition.
  const helpful = found.filter(
    ({ keyword, params }) => keyword !== 'anyOf' && keyword !== 'if' && params['type'] !== 'null',
  );
  for (const { keyword, instancePath, params, message } of helpful) {
    const child =
      keyword === 'required' || keyword === 'named'
        ? params['missingProperty']
        : keyword === 'additionalProperties' || keyword === 'propertyNames'
          ? (params['additionalProperty'] ?? params['propertyName'])
          : undefined;
    const pointer = child === undefined ? instancePath : `${instancePath}/${pointerStep(child)}`;
    const code = CODES[keyword] ?? keyword.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const detail = ADVICE[keyword]?.(params) ?? `It ${message ?? 'is not valid'}.`;
    // Any other keyword is more helpful than `pattern`.
    if ((errors.get(pointer)?.code ?? 'pattern') === 'pattern') {
      errors.set(pointer, { pointer, code, detail });
    }
    if (errors.size === MAX_FIELD_ERRORS) break;
  }
  return [...errors.values()];
}

/** Redirects to the petition's new slug, for any operation: 308 keeps the method and the body. */
function redirect({ url }: Failed, base: string, { slug }: Moved): Failure {
  const path = url.replace(/^(\/v1\/petitions\/)[^/?]+/, `$1${slug}`);
  return { status: 308, headers: { location: base + path, 'cache-control': 'private, max-age=300' } };
}
