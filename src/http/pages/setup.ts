import type { FastifyInstance, FastifyRequest } from 'fastify';
import { mailedToken, mailedTokenIn } from '../../core/links/mailed-token.js';
import { linkNotFound } from '../../core/links/random-tokens.js';
import { ApiError, describeError } from '../../errors.js';
import { sendErrorPage } from './error-pages.js';
import type { Site } from './visit.js';

export type Fields = Record<string, string | undefined>;

const MOST_BYTES = 16_384;

/**
 * The fields of a form or a query. Some mail programs repeat parameters of a link: equal values count once, and with
 * different values the field is empty, so that such a link is treated as invalid.
 */
function fieldsOf(pairs: Iterable<[string, string]>): Fields {
  const fields = new Map<string, string>();
  for (const [said, text] of pairs) {
    // Left over where a link was copied from the source of an HTML mail.
    const name = said.replace(/^amp;/, '');
    const value = name === 'token' ? mailedToken(text) : text;
    fields.set(name, fields.get(name) === undefined || fields.get(name) === value ? value : '');
  }
  return Object.fromEntries(fields);
}

/** The token of a link that mail programs have garbled so that no parameter has its name any more. */
function tokenAnywhere(url: string): string | undefined {
  const start = url.indexOf('?');
  return start < 0 ? undefined : mailedTokenIn(url.slice(start));
}

/** Parses forms, sets headers and shows errors for all pages. People read them, so errors are pages, not JSON. */
export function setUpPages(app: FastifyInstance, site: Site, explain: (error: unknown) => unknown): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: MOST_BYTES },
    (_request, body, done) => done(null, fieldsOf(new URLSearchParams(String(body)))),
  );
  app.addHook('preValidation', (request, _reply, done) => {
    const query = Object.entries(request.query as Record<string, string | string[]>);
    const pairs = query.flatMap(([name, said]) => [said].flat().map((one): [string, string] => [name, one]));
    const fields = fieldsOf(pairs);
    const found = fields['token'] === undefined ? tokenAnywhere(request.url) : undefined;
    if (found !== undefined) fields['token'] = found;
    request.query = fields;
    done(fields['token'] === '' ? linkNotFound() : undefined);
  });
  app.setErrorHandler((thrown: unknown, request, reply) => {
    const error = explain(thrown);
    const code = error instanceof ApiError ? error.code : 'internal_error';
    const status = error instanceof ApiError ? error.status : statusOf(thrown);
    if (status >= 500 && code !== 'paused') {
      request.log.error({ request_id: request.id, error: describeError(thrown) }, 'a page failed');
    }
    if (error instanceof ApiError && error.details.headers) reply.headers(error.details.headers);
    const said = error instanceof ApiError ? error.details.extra?.['message'] : undefined;
    return sendErrorPage(site, request, reply, code, status, typeof said === 'string' ? said : undefined);
  });
}

/** Validates the values of a form against the contract of the matching API body. Throws `invalid_body`. */
export function checked<Body>(request: FastifyRequest, schema: { $id?: string }, body: Body): Body {
  const validate = request.compileValidationSchema({ $ref: `${schema.$id}#` }, 'body');
  if (!validate(body)) throw new ApiError('invalid_body');
  return body;
}

/** A required value of a form or a query. Throws `invalid_body` where it is missing or empty. */
export const need = (value: string | undefined): string => {
  if (value === undefined || value === '') throw new ApiError('invalid_body');
  return value;
};

/** The token of a link. Throws `link_not_found` where it is missing or empty. */
export const needToken = (value: string | undefined): string => {
  if (value === undefined || value === '') throw linkNotFound();
  return value;
};

const statusOf = (thrown: unknown): number => {
  const { statusCode } = (thrown ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : 500;
};
