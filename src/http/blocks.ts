import compress from '@fastify/compress';
import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import { ANONYMOUS } from '../core/actor.js';
import type { PauseWatch } from '../core/brakes/pauses.js';
import type { Context } from '../core/context.js';
import { adminOf, identifyAdmin } from './admin.js';
import { assertScope, identify } from './auth.js';
import type { Admission } from './limits/admission.js';
import type { Limits } from './limits/limits.js';
import type { Access } from './openapi/operation.js';
import { pauseGate } from './pauses.js';
import { resume, sessionOf } from './session.js';

type Parts = { ctx: Context; limits: Limits; admission: Admission; pauses: PauseWatch };

/** Makes a block: routes with the same access rule, and the hooks that enforce it. `src/app.ts` lists the blocks. */
export const blocks =
  (parts: Parts) =>
  (access: Access, routes: readonly FastifyPluginCallback[]): FastifyPluginCallback =>
  (app, _options, done) => {
    app.addHook('onRoute', (route) => {
      // `false`, not undefined: otherwise the plugin would still add a hook.
      route.compress ??= route.method === 'GET' ? {} : false;
      if (access === 'service') route.config = { ...route.config, limit: 'service' };
    });
    if (access !== 'service') app.addHook('onRequest', pauseGate(parts.pauses));
    if (access === 'open' || access === 'secret') {
      app.addHook('onRequest', parts.admission.gate);
      app.addHook('preValidation', parts.admission.count);
    }
    identifyCallers(app, access, parts);
    // After the onRoute hook above: the plugin reads `compress` once, when a route is registered.
    void app.register(compress, { global: false, threshold: 1024, encodings: ['gzip', 'identity'] });
    for (const plugin of routes) void app.register(plugin);
    done();
  };

/** Identifies the caller, counts the request against the limits, and refuses callers without access to the block. */
function identifyCallers(app: FastifyInstance, access: Access, { ctx, limits }: Parts): void {
  const assertAccess = (request: FastifyRequest) => {
    if (access === 'secret') assertScope(request.actor, request.routeOptions.config.scope);
    if (access === 'session') sessionOf(request);
    if (access === 'admin') adminOf(request, request.routeOptions.config.adminScope);
  };
  // Returns a promise only where limits are counted outside this process.
  const admit = (request: FastifyRequest, reply: FastifyReply): void | Promise<void> => {
    const counting = limits.check(request, reply);
    return counting ? counting.then(() => assertAccess(request)) : assertAccess(request);
  };
  const admitKeyed = async (request: FastifyRequest, reply: FastifyReply) => {
    try {
      if (access === 'session') request.session = await resume(ctx, request);
      else if (access === 'admin') request.admin = await identifyAdmin(ctx, request);
      else request.actor = await identify(ctx, request);
    } catch (error) {
      // Requests with a wrong key count too, so that guessing keys is limited.
      await limits.check(request, reply);
      throw error;
    }
    await admit(request, reply);
  };
  // Most requests have no key: they take this synchronous path.
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
