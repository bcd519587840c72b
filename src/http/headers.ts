import helmet from '@fastify/helmet';
import Fastify from 'fastify';

/** Headers that page scripts of other origins may read. */
const EXPOSED = ['ETag', 'Link', 'Location', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Request-Id'];

/** Pages of every origin may call the API: it uses no cookies, and its security does not depend on the origin. */
export const PREFLIGHT = {
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers':
    'Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Request-Id',
  'access-control-max-age': '86400',
} as const;

/** The headers that every answer has, by what it is. */
export type ConstantHeaders = {
  /** JSON, and answers without a body: what OWASP asks of an API that answers with data. */
  data: Readonly<Record<string, string>>;
  /** Pages, pictures, scripts and other documents, which browsers show or run: the whole set of helmet. */
  documents: Readonly<Record<string, string>>;
};

/** Every header costs time in each answer: these are all that matter where nothing is shown or run. */
const OF_DATA = [
  'content-security-policy',
  // Redirects of mailed links have tokens in their URLs.
  'referrer-policy',
  'strict-transport-security',
  'x-content-type-options',
  'x-frame-options',
] as const;

type HeaderValue = string | number | string[] | undefined;

/** Whether an answer with this Content-Type is data. */
export const isData = (contentType: HeaderValue): boolean =>
  contentType === undefined || /^application\/(?:problem\+)?json/.test(String(contentType));

/** Headers about one request. Answers that shared caches may keep have none: they would be shown to others. */
export const OF_ONE_REQUEST = ['x-request-id', 'ratelimit', 'ratelimit-policy'] as const;

/** Whether shared caches may keep an answer with this Cache-Control. */
export const isShared = (cacheControl: HeaderValue): boolean => String(cacheControl).startsWith('public');

/**
 * The constant headers. Helmet would compute its own for each request, which takes as long as the rest of a small
 * request: so they are read once at boot from a probe server with the same plugin.
 */
export async function constantHeaders(): Promise<ConstantHeaders> {
  const probe = Fastify();
  await probe.register(helmet, {
    contentSecurityPolicy: {
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
      useDefaults: false,
    },
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    crossOriginEmbedderPolicy: false,
    referrerPolicy: { policy: 'no-referrer' },
  });
  const names = new Set<string>();
  probe.addHook('onSend', (_request, reply, payload, done) => {
    for (const name of Object.keys(reply.raw.getHeaders())) names.add(name);
    for (const name of Object.keys(reply.getHeaders())) names.add(name);
    done(null, payload);
  });
  probe.get('/', (_request, reply) => reply.code(204).send());
  const { headers } = await probe.inject('/');
  await probe.close();
  const cors = {
    'access-control-allow-origin': '*',
    'access-control-expose-headers': EXPOSED.join(', '),
  };
  const pick = (some: Iterable<string>) =>
    Object.fromEntries([...some].map((name) => [name, String(headers[name])]));
  return { data: { ...pick(OF_DATA), ...cors }, documents: { ...pick(names), ...cors } };
}
