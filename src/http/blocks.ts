import compress from '@fastify/compress';
import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import { ANONYMOUS } from '../core/actor.js';
import type { Context } from '../core/context.js';
import { assertScope, identify } from './auth.js';
import type { Admission } from './limits/admission.js';
import type { Limits } from './limits/limits.js';
import type { Access } from './openapi/operation.js';
import { resume, sessionOf } from './session.js';

type Parts = { ctx: Context; limits: Limits; admission: Admission };

/** Makes blocks of routes that share who may call them. */
export const blocks =
  (parts: Parts) =>
  (access: Access, routes: readonly FastifyPluginCallback[]): FastifyPluginCallback =>
  (app, _options, done) => {
    app.addHook('onRoute', (route) => {
      // Without `false` the plugin would still add a hook.
      route.compress ??= route.method === 'GET' ? {} : false;
      if (access === 'service') route.config = { ...route.config, limit: 'service' };
    });
    if (access === 'open' || access === 'secret') {
      app.addHook('onRequest', parts.admission.gate);
      app.addHook('preValidation', parts.admission.count);
    }
    identifyCallers(app, access, parts);
    // After the hook above: it looks at a route once, when that is made.
    void app.register(compress, { global: false, threshold: 1024, encodings: ['gzip', 'identity'] });
    for (const plugin of routes) void app.register(plugin);
    done();
  };

/** Finds out who asks, counts the request, and refuses those who may not call the block. */
function identifyCallers(app: FastifyInstance, access: Access, { ctx, limits }: Parts): void {
  const assertAccess = (request: FastifyRequest) => {
    if (access === 'secret') assertScope(request.actor, request.routeOptions.config.scope);
    if (access === 'session') sessionOf(request);
  };
  // A promise only where limits are counted elsewhere.
  const admit = (request: FastifyRequest, reply: FastifyReply): void | Promise<void> => {
    const counting = limits.check(request, reply);
    return counting ? counting.then(() => assertAccess(request)) : assertAccess(request);
  };
  const admitKeyed = async (request: FastifyRequest, reply: FastifyReply) => {
    try {
      if (access === 'session') request.session = await resume(ctx, request);
      else request.actor = await identify(ctx, request);
    } catch (error) {
      // Guessing keys counts like any other request.
      await limits.check(request, reply);
      throw error;
    }
    await admit(request, reply);
  };
  // Most requests have no key: for them nothing is waited for.
  app.addHook('onRequest', (request, reply, done) => {
    request.actor = ANONYMOUS;
    if (request.headers.authorization !== undefined) {
      void admitKeyed(request, reply).then(() => done(), done);
      return;
    }
    try {
      const counting = admit(request, reply);
      if (counting) void counting.then(() => done(), done);
      else done();
    } catch (error) {
      done(error as Error);
    }
  });
}
