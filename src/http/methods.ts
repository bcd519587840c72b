import type { FastifyInstance, HTTPMethods } from 'fastify';
import { ApiError } from '../errors.js';

const METHODS: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * Answers 405 with `Allow` for methods that a path does not have. Call it before the routes are registered, and the
 * returned function after that.
 */
export function refuseOtherMethods(app: FastifyInstance): () => void {
  const known = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = known.get(url) ?? new Set();
    for (const one of Array.isArray(method) ? method : [method]) methods.add(one);
    known.set(url, methods);
  });
  return () => {
    for (const [url, methods] of [...known]) {
      const others = METHODS.filter((method) => !methods.has(method));
      const allow = [...methods, 'OPTIONS'].join(', ');
      if (url.includes('*') || others.length === 0) continue;
      app.route({
        method: others,
        url,
        schema: { hide: true },
        // In onRequest, before the body is read: errors in the body do not matter.
        onRequest: (_request, _reply, done) =>
          done(new ApiError('method_not_allowed', { detail: `It has: ${allow}.`, headers: { allow } })),
        handler: () => undefined,
      });
    }
  };
}
