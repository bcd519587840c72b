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

/**
 * The headers that every answer has. Helmet would compute them for each request, which takes as long as the rest of a
 * small request: so they are read once at boot from a probe server with the same plugin.
 */
export async function constantHeaders(): Promise<Record<string, string>> {
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
  const secure = Object.fromEntries([...names].map((name) => [name, String(headers[name])]));
  return {
    ...secure,
    'access-control-allow-origin': '*',
    'access-control-expose-headers': EXPOSED.join(', '),
  };
}
