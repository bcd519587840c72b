import { isUtf8 } from 'node:buffer';
import { Ajv, type Options } from 'ajv';
import addFormats from 'ajv-formats';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { components } from '../../schema/api/typebox.js';
import { parseEmail } from '../core/email.js';
import { ApiError } from '../errors.js';
import { repeatedMember, saidTwice } from './json-text.js';
import { KEYWORDS } from './schema-keywords.js';

/*
 * Two validators. Bodies are taken as they are: Fastify's default would turn null into "" and drop what it does not
 * know. Queries, paths and headers are text, so there numbers, booleans and single-item lists are read from it.
 */

const OPTIONS: Options = {
  allErrors: true,
  removeAdditional: false,
  strict: 'log',
  strictTypes: false,
  keywords: ['discriminator'],
};

/** Holds values against the contracts. */
export function validator(options: Options): Ajv {
  const ajv = new Ajv({ ...OPTIONS, ...options });
  // The packages are CommonJS: their default export is the module's own.
  addFormats.default(ajv, ['date-time', 'uri']);
  ajv.addFormat('date-time', isInstant);
  ajv.addFormat('email', (value: string) => parseEmail(value) !== undefined);
  ajv.addFormat('uri', (text: string) => isUri(text) && hasNoUser(text));
  ajv.addFormat('int32', true);
  for (const keyword of KEYWORDS) ajv.addKeyword(keyword);
  for (const schema of components()) ajv.addSchema(schema);
  return ajv;
}

const { validate: isDateTime } = fullFormats['date-time'] as { validate: (text: string) => boolean };

/** RFC 3339 has instants that Date or PostgreSQL cannot hold: leap seconds, the year 0, what ends up after 9999. */
function isInstant(text: string): boolean {
  const year = new Date(text).getUTCFullYear();
  return isDateTime(text) && year >= 1 && year <= 9999;
}

const isUri = fullFormats.uri as (text: string) => boolean;

/** A URI that names no user: a password in it would be everybody's, and `https://bank.example@evil.example` a trap. */
const hasNoUser = (text: string) => !/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*@/i.test(text);

const rawBodies = new WeakMap<FastifyRequest, Buffer>();

/** The bytes of a body as they came, on routes with `keepRawBody`: signatures are made over them. */
export const rawBodyOf = (request: FastifyRequest): Buffer => rawBodies.get(request) ?? Buffer.alloc(0);

/** Made once: a second app of the process, as tests have many, finds the contracts compiled. */
let validators: Record<'bodies' | 'texts', Ajv> | undefined;

export function validation(app: FastifyInstance): void {
  validators ??= { bodies: validator({ coerceTypes: false }), texts: validator({ coerceTypes: 'array' }) };
  const { bodies, texts } = validators;
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? bodies : texts).compile(schema as object),
  );

  app.addHttpMethod('DELETE', { hasBody: false, overrideExisting: true });
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser(
    ['application/json', 'application/merge-patch+json'],
    { parseAs: 'buffer' },
    (request: FastifyRequest, body: Buffer, done) => {
      if (!isUtf8(body)) {
        return done(new ApiError('invalid_json', { detail: 'The body is not valid UTF-8.' }));
      }
      if (request.routeOptions.config.keepRawBody) rawBodies.set(request, body);
      const text = body.toString('utf8');
      // A byte order mark is taken away there.
      void parse(request, text, (error, value) => {
        if (error) {
          return done(new ApiError('invalid_json', { detail: 'The body cannot be parsed as JSON.' }));
        }
        if (mayHideBadText(body) && hasBadText(value)) {
          return done(
            new ApiError('invalid_json', { detail: 'A text holds NUL or half of a surrogate pair.' }),
          );
        }
        const repeated = repeatedMember(text, value);
        if (repeated !== undefined) return done(saidTwice(repeated));
        done(null, value);
      });
    },
  );
}

/**
 * For routes that take none: a body is not read, whatever it is, so that nothing can be wrong with it. Of all DELETE
 * requests none is read either (RFC 9110 gives it no meaning).
 */
export function takesNoBody(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, parsed) => parsed(null, null));
}

/** NUL and lone surrogates can come in only as escapes. Almost no body has one. */
const mayHideBadText = (body: Buffer) => body.includes('\\u');

/** NUL, or half of a surrogate pair. Walks with a list of its own, since a body may be nested deeper than the call stack. */
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
