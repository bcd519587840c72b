import { isUtf8 } from 'node:buffer';
import { Ajv, type Options, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { components } from '../../schema/api/typebox.js';
import { parseEmail } from '../core/email.js';
import { ApiError } from '../errors.js';
import { isTooDeep, repeatedMember, saidTwice } from './json-text.js';
import { KEYWORDS } from './schema-keywords.js';

/*
 * Two validators. Bodies are never coerced: Fastify's default would turn null into "" and drop unknown members.
 * Queries, paths and headers are strings, so numbers, booleans and single-item lists are coerced there.
 */

const OPTIONS: Options = {
  allErrors: true,
  removeAdditional: false,
  strict: 'log',
  strictTypes: false,
  strictRequired: false,
  keywords: ['discriminator'],
};

/** A validator that knows the contracts, their formats and keywords. */
export function validator(options: Options): Ajv {
  const ajv = new Ajv({ ...OPTIONS, ...options });
  // ajv-formats is CommonJS: its function is the `default` of the module.
  addFormats.default(ajv, ['date-time', 'uri']);
  ajv.addFormat('date-time', isInstant);
  ajv.addFormat('date', fullFormats.date);
  ajv.addFormat('email', (value: string) => parseEmail(value) !== undefined);
  ajv.addFormat('uri', (text: string) => isUri(text) && hasNoUser(text));
  ajv.addFormat('int32', true);
  for (const keyword of KEYWORDS) ajv.addKeyword(keyword);
  for (const schema of components()) ajv.addSchema(schema);
  return ajv;
}

const { validate: isDateTime } = fullFormats['date-time'] as { validate: (text: string) => boolean };

/**
 * Excludes instants of RFC 3339 that Date or PostgreSQL cannot hold: leap seconds, and years (in UTC) below 1 or above
 * 9999.
 */
function isInstant(text: string): boolean {
  const year = new Date(text).getUTCFullYear();
  return isDateTime(text) && year >= 1 && year <= 9999;
}

const isUri = fullFormats.uri as (text: string) => boolean;

/** Refuses URIs with a user: a password in one would be public, and `https://bank.example@evil.example` misleads. */
const hasNoUser = (text: string) => !/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*@/i.test(text);

declare module 'fastify' {
  interface FastifyInstance {
    /** Parses the bytes of a body. Returns the value, or the `invalid_json` that it deserves. */
    parseJson: (body: Buffer) => unknown;
  }
}

const rawBodies = new WeakMap<FastifyRequest, Buffer>();

/** The unparsed bytes of a body, on routes with `keepRawBody`, to verify a webhook signature. Empty elsewhere. */
export const rawBodyOf = (request: FastifyRequest): Buffer => rawBodies.get(request) ?? Buffer.alloc(0);

/**
 * Shared by all apps of the process (tests have many), so that contracts are compiled once. Each app has its own objects
 * of the same schemas, so they are known by their text.
 */
let validators: Record<'bodies' | 'texts', (schema: object) => ValidateFunction> | undefined;

function compiler(options: Options): (schema: object) => ValidateFunction {
  const ajv = validator(options);
  const compiled = new Map<string, ValidateFunction>();
  return (schema) => {
    const text = JSON.stringify(schema);
    const validate = compiled.get(text) ?? ajv.compile(schema);
    compiled.set(text, validate);
    return validate;
  };
}

const compilers = () =>
  (validators ??= { bodies: compiler({ coerceTypes: false }), texts: compiler({ coerceTypes: 'array' }) });

/** The validator of the body of a route with this schema: the same that Fastify uses. */
export const bodyValidator = (schema: object): ValidateFunction => compilers().bodies(schema);

export function validation(app: FastifyInstance): void {
  const { bodies, texts } = compilers();
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? bodies : texts)(schema as object),
  );

  app.addHttpMethod('DELETE', { hasBody: false, overrideExisting: true });
  app.removeAllContentTypeParsers();
  const parse = jsonParser(app);
  app.decorate('parseJson', parse);
  app.addContentTypeParser(
    ['application/json', 'application/merge-patch+json'],
    { parseAs: 'buffer' },
    (request: FastifyRequest, body: Buffer, done) => {
      if (request.routeOptions.config.keepRawBody) rawBodies.set(request, body);
      const parsed = parse(body);
      if (parsed instanceof ApiError) done(parsed);
      else done(null, parsed);
    },
  );
}

/** Parses the bytes of a body. Returns the value, or the `invalid_json` that it deserves. */
function jsonParser(app: FastifyInstance): (body: Buffer) => unknown {
  const parse = app.getDefaultJsonParser('error', 'error');
  const invalid = (detail: string) => new ApiError('invalid_json', { detail });
  // It answers at once, and uses nothing of the request.
  const parsed = (text: string): { value: unknown } | undefined => {
    let found: { value: unknown } | undefined;
    void parse(null as never, text, (error, value) => {
      if (!error) found = { value };
    });
    return found;
  };
  return (body) => {
    if (!isUtf8(body)) return invalid('The body is not valid UTF-8.');
    const text = body.toString('utf8');
    // The parser removes a byte order mark.
    const found = parsed(text);
    if (!found) return invalid('The body cannot be parsed as JSON.');
    const { value } = found;
    if (mayHideBadText(body) && hasBadText(value)) {
      return invalid('A text holds NUL or half of a surrogate pair.');
    }
    const repeated = repeatedMember(text, value);
    if (repeated !== undefined) return saidTwice(repeated);
    return isTooDeep(text, value) ? invalid('The body is nested too deep.') : value;
  };
}

/**
 * For plugins whose routes take no body: a body is ignored, whatever its type. DELETE requests never have a body here
 * (RFC 9110 gives it no meaning).
 */
export function takesNoBody(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, parsed) => parsed(null, null));
}

/** A cheap check first: in valid UTF-8, NUL and lone surrogates can occur only as `\u` escapes, which are rare. */
const mayHideBadText = (body: Buffer) => body.includes('\\u');

/**
 * Whether any string holds NUL or a lone surrogate. Iterative, since a body may be nested deeper than the call stack.
 */
export function hasBadText(root: unknown): boolean {
  const waiting = [root];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value === 'string' && (value.includes('\0') || !value.isWellFormed())) return true;
    if (typeof value === 'object' && value !== null) {
      for (const pair of Object.entries(value)) waiting.push(...pair);
    }
  }
  return false;
}
