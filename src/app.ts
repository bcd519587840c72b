import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { BuildOptions } from './build-options.js';
import { PauseWatch } from './core/brakes/pauses.js';
import type { Context } from './core/context.js';
import { LIVE_PACE, LiveCounts } from './core/live/live-counts.js';
import { PetitionKeys } from './core/petitions/petition-keys.js';
import { createContext } from './create-context.js';
import { blocks } from './http/blocks.js';
import { constantHeaders, PREFLIGHT } from './http/headers.js';
import { Front } from './http/front/front.js';
import { Leaving } from './http/front/leaving.js';
import { addressFinder } from './http/caller.js';
import { ARRIVAL } from './http/bounds.js';
import { endThoseInLine } from './http/in-line.js';
import { createInstance, requestIds } from './http/instance.js';
import { createAdmission, type Admission } from './http/limits/admission.js';
import { LocalLimits } from './http/limits/limit-local.js';
import { RedisLimits } from './http/limits/limit-redis.js';
import type { LimitStore } from './http/limits/limit-store.js';
import { createLimits } from './http/limits/limits.js';
import { HEARTBEAT_MS, LiveStreams, MOST_OF_ONE } from './http/live/live-streams.js';
import { refuseOtherMethods } from './http/methods.js';
import { openapi } from './http/openapi/openapi.js';
import { adminOrganizationRoutes } from './http/organization/organizations.js';
import { createNotFoundPage } from './http/pages/not-found.js';
import type { Site } from './http/pages/visit.js';
import { UNNAMED } from './installation.js';
import { ownPagesOf } from './http/own-pages.js';
import { RequestTimes } from './http/request-times.js';
import { createMetrics, watchLimits, watchLive, watchPauses } from './http/service/metrics.js';
import { loadLocales } from './mail/load-locales.js';
import { deliveriesOf, openRoutes, openServiceRoutes, secretRoutes, sessionRoutes } from './routes.js';

export type App = FastifyInstance & { ctx: Context; metrics: Registry; drain: () => void };

/** Builds the HTTP server with all of its routes, the same for production and for tests. */
export async function build(options: BuildOptions): Promise<App> {
  const { config, store, logger, arrival = ARRIVAL, behindWorkers = false } = options;
  const { publicUrl, trustProxy } = config;
  const ctx = createContext(options);
  const constant = await constantHeaders();
  let isDraining = false;
  const draining = () => isDraining;
  const locales = options.locales ?? loadLocales();
  const site: Site = { locales, installation: config.installation ?? UNNAMED };
  const pages = { notFoundPage: createNotFoundPage(site), explain: store.explain };
  const sending = { leaving: new Leaving(), requestId: requestIds(), draining, behindWorkers };
  const app = createInstance({ publicUrl, trustProxy, logger, arrival, constant, ...sending, ...pages });

  app.decorate('ownPages', ownPagesOf(config));
  await openapi(app, publicUrl);
  const counted = await limitStoreOf(options, app.log);
  app.addHook('onClose', () => counted.close());
  const limits = createLimits(config.limits, counted, new PetitionKeys(store.read));
  const metrics = createMetrics(store, ctx.now);
  const times = new RequestTimes(metrics);
  times.watch(app);
  const streams = createStreams(ctx, options);
  const pauses = new PauseWatch(store);
  watchPauses(metrics, pauses);
  watchLive(metrics, () => streams);
  watchLimits(metrics, () => counted.state());
  const closed = refuseOtherMethods(app);
  const admission = admissionOf(options, app.log);
  const addressOf = addressFinder(trustProxy);
  const front = new Front({ app, limits, admission, pauses, times, addressOf, ...sending });
  app.decorate('front', front);
  front.standBefore(app.server);
  endThoseInLine(app.server);
  await pauses.start();
  app.addHook('onClose', () => pauses.stop());
  const block = blocks({ ctx, limits, admission, pauses });
  // Who may call what: every route is in exactly one of these blocks, and moving it changes who may call it.
  await app.register(
    block('service', openServiceRoutes({ ctx, site, options, counted, metrics, pauses, draining })),
  );
  await app.register(block('open', openRoutes({ ctx, config, site, metrics, streams, options })));
  await app.register(block('session', sessionRoutes(ctx, deliveriesOf(options))));
  await app.register(block('secret', secretRoutes({ ctx, site, options })));
  await app.register(block('admin', [adminOrganizationRoutes(ctx)]));
  app.options('*', { schema: { hide: true } }, (_request, reply) =>
    reply.code(204).headers(PREFLIGHT).send(),
  );
  closed();

  await app.ready();
  const drain = () => {
    isDraining = true;
    streams.drain();
  };
  return Object.assign(app, { ctx, metrics, drain });
}

const limitStoreOf = async (
  { config: { REDIS_URL: url }, rootKey }: BuildOptions,
  log: FastifyBaseLogger,
): Promise<LimitStore> => (url ? RedisLimits.open(url, rootKey, log) : new LocalLimits());

const admissionOf = ({ config, store }: BuildOptions, log: FastifyBaseLogger): Admission =>
  createAdmission({
    maxWaitMs: config.MAX_WAIT_MS ?? Infinity,
    maxWaiting: config.MAX_WAITING ?? Infinity,
    waiting: () => store.stats().waiting,
    publicUrl: config.publicUrl,
    log,
  });

function createStreams(ctx: Context, { config, live = {} }: BuildOptions): LiveStreams {
  return new LiveStreams(new LiveCounts(ctx.store, ctx.now, { ...LIVE_PACE, ...live }), {
    most: config.LIVE_LISTENERS ?? Infinity,
    mostOfOne: config.limits ? MOST_OF_ONE : Infinity,
    heartbeatMs: HEARTBEAT_MS,
    ...live,
  });
}
