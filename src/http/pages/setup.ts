import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { linkNotFound } from '../../core/links/random-tokens.js';
import { ApiError, describeError } from '../../errors.js';
import type { Catalogue } from '../../mail/catalogue.js';
import type { Locales } from '../../mail/locales.js';
import { PRIVATE_CACHE } from '../answers.js';
import { html, htmlDocument, PAGE_CSP, type Html } from '../html.js';

export type Fields = Record<string, string | undefined>;
export type Pages = Catalogue['pages'];

/** What a page handler works with: the texts in the visitor's language, and a function that sends a page in it. */
export type Visit = {
  words: Pages;
  locale: string;
  send: (reply: FastifyReply, status: number, title: string, body: Html) => FastifyReply;
};

const MOST_BYTES = 16_384;

/**
 * The fields of a form or a query. Some mail programs repeat parameters of a link: equal values count once, and with
 * different values the field is empty, so that such a link is treated as invalid.
 */
function fieldsOf(pairs: Iterable<[string, string]>): Fields {
  const fields = new Map<string, string>();
  for (const [name, value] of pairs) {
    fields.set(name, fields.get(name) === undefined || fields.get(name) === value ? value : '');
  }
  return Object.fromEntries(fields);
}

/** The catalogue for an Accept-Language header, in its order; English where no language of it has one. */
export function languageOf(locales: Locales, header: string | undefined): Catalogue {
  const wanted = (header ?? '')
    .slice(0, 200)
    .split(',')
    .map((part) => part.split(';')[0]?.trim() ?? '');
  const language = (tag: string) => tag.toLowerCase().split('-')[0];
  for (const tag of wanted) {
    const found = locales.pick(tag);
    if (tag !== '' && language(found.locale) === language(tag)) return found;
  }
  return locales.pick('en');
}

export function visitOf(locales: Locales, request: FastifyRequest): Visit {
  const { pages, dir, locale } = languageOf(locales, request.headers['accept-language']);
  return {
    words: pages,
    locale,
    send: (reply, status, title, body) =>
      reply
        .code(status)
        .type('text/html; charset=utf-8')
        .header('cache-control', PRIVATE_CACHE)
        .header('vary', 'accept-language')
        .send(htmlDocument({ lang: locale, dir, title }, body)),
  };
}

/** Parses forms, sets headers and shows errors for all pages. People read them, so errors are pages, not JSON. */
export function setUpPages(
  app: FastifyInstance,
  locales: Locales,
  explain: (error: unknown) => unknown,
): void {
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
    request.query = fields;
    done(fields['token'] === '' ? linkNotFound() : undefined);
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    reply.header('content-security-policy', PAGE_CSP);
    done(null, payload);
  });
  app.setErrorHandler((thrown: unknown, request, reply) => {
    const error = explain(thrown);
    const code = error instanceof ApiError ? error.code : 'internal_error';
    const status = error instanceof ApiError ? error.status : statusOf(thrown);
    if (status >= 500 && code !== 'paused') {
      request.log.error({ request_id: request.id, error: describeError(thrown) }, 'a page failed');
    }
    if (error instanceof ApiError && error.details.headers) reply.headers(error.details.headers);
    const visit = visitOf(locales, request);
    const [title, text] = wordsFor(visit.words, code, status);
    const said = error instanceof ApiError && code === 'paused' ? error.message : text;
    return visit.send(
      reply,
      status,
      title,
      html`<h1>${title}</h1>
        <p>${said}</p>`,
    );
  });
}

/** Validates the values of a form against the contract of the matching API body. Throws `invalid_body`. */
export function checked<Body>(request: FastifyRequest, schema: { $id?: string }, body: Body): Body {
  const validate = request.compileValidationSchema({ $ref: `${schema.$id}#` }, 'body');
  if (!validate(body)) throw new ApiError('invalid_body');
  return body;
}

const statusOf = (thrown: unknown): number => {
  const { statusCode } = (thrown ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : 500;
};

function wordsFor({ common, manage }: Pages, code: string, status: number): [string, string] {
  if (code === 'link_not_found') return [common.link_not_found_title, common.link_not_found];
  if (code === 'rate_limited') return [common.too_many_title, common.too_many];
  if (code === 'invalid_session') return [manage.session_over_title, manage.session_over];
  return status < 500 ? [common.invalid_title, common.invalid] : [common.failed_title, common.failed];
}
