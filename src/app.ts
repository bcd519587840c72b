import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import compress from '@fastify/compress';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyPluginCallback,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Registry } from 'prom-client';
import { components } from '../schema/api/typebox.js';
import type { Config } from './config.js';
import { ANONYMOUS } from './core/actor.js';
import type { Context } from './core/context.js';
import { LIVE_PACE, LiveCounts, type LivePace } from './core/live/live-counts.js';
import { PetitionKeys } from './core/petitions/petition-keys.js';
import { createContext, type ContextOptions } from './create-context.js';
import { ApiError } from './errors.js';
import { assertScope, identify } from './http/auth.js';
import { challengeRoutes } from './http/brakes/challenges.js';
import { secretIsolatedKeyRoutes } from './http/brakes/key-isolations.js';
import { confirmationRoutes } from './http/confirmation/confirmations.js';
import { countRoutes } from './http/counts/counts.js';
import { constantHeaders, PREFLIGHT } from './http/headers.js';
import { createAdmission, type Admission } from './http/limits/admission.js';
import { LocalLimits } from './http/limits/limit-local.js';
import { RedisLimits } from './http/limits/limit-redis.js';
import { createLimits, type Limits } from './http/limits/limits.js';
import { liveCountRoutes } from './http/live/live-counts.js';
import { HEARTBEAT_MS, LiveStreams, MOST_OF_ONE, type LiveOptions } from './http/live/live-streams.js';
import { secretMailingRoutes } from './http/mailings/mailings.js';
import { refuseOtherMethods } from './http/methods.js';
import { emailChangeRoutes, myEmailChangeRoutes } from './http/my-data/email-changes.js';
import { meRoutes } from './http/my-data/me.js';
import { myExportRoutes } from './http/my-data/my-export.js';
import { mySignatureRoutes } from './http/my-data/my-signatures.js';
import { mySubscriptionRoutes } from './http/my-data/my-subscriptions.js';
import { manageLinkRoutes } from './http/my-data/sessions.js';
import { openapi, documentOf } from './http/openapi/openapi.js';
import type { Access } from './http/openapi/operation.js';
import { secretApiKeyRoutes } from './http/organization/api-keys.js';
import { secretOrganizationRoutes } from './http/organization/organizations.js';
import { pageRoutes } from './http/pages/pages.js';
import { secretPartnerRoutes, secretPartnershipRoutes } from './http/partners/partnerships.js';
import { embedRoutes } from './http/petitions/embed.js';
import { oembedRoutes } from './http/petitions/oembed.js';
import { openPetitionRoutes, secretPetitionRoutes } from './http/petitions/petitions.js';
import { pictureRoutes } from './http/petitions/pictures.js';
import { clientErrorHandler, problems } from './http/problems.js';
import { enableSendNow } from './http/send-now.js';
import { createMetrics, watchLimits, watchLive } from './http/service/metrics.js';
import { referenceRoutes } from './http/service/reference.js';
import { serviceRoutes } from './http/service/service.js';
import { resume, sessionOf } from './http/session.js';
import { openShareLinkRoutes, secretShareLinkRoutes } from './http/sharing/share-links.js';
import { shareRedirectRoutes } from './http/sharing/share-redirect.js';
import { secretShareStatisticsRoutes } from './http/sharing/share-statistics.js';
import { secretImportRoutes } from './http/signatures/imports.js';
import { secretModerationRoutes } from './http/signatures/moderations.js';
import { secretSignatureExportRoutes } from './http/signatures/signature-export.js';
import { secretSignatureImportRoutes } from './http/signatures/signature-import.js';
import { openSignatureRoutes, secretSignatureRoutes } from './http/signatures/signatures.js';
import { openConsentTextRoutes, secretConsentTextRoutes } from './http/subscriptions/consent-texts.js';
import { mailEventRoutes } from './http/subscriptions/mail-events.js';
import { openSubscriptionRoutes, secretSubscriptionRoutes } from './http/subscriptions/subscriptions.js';
import { unsubscribeRoutes } from './http/subscriptions/unsubscribing.js';
import { validation } from './http/validation.js';
import { loadLocales, type Locales } from './mail/locales.js';

export type BuildOptions = ContextOptions & {
  config: Pick<Config, 'trustProxy' | 'limits'> &
    Partial<
      Pick<
        Config,
        | 'MAIL_WEBHOOK_SECRET'
        | 'LIVE_LISTENERS'
        | 'REDIS_URL'
        | 'MAX_WAITING'
        | 'MAX_WAIT_MS'
        | 'secretKeysInDocs'
      >
    >;
  /** The languages of pages; the built-in ones if absent. */
  locales?: Locales;
  /** The script of the widget; what `npm run build` has made if absent. */
  widget?: URL;
  /** For tests that cannot wait, and of the limits. */
  live?: Partial<LiveOptions & LivePace>;
  /** For tests that cannot wait. */
  transfers?: { stallMs?: number };
  /** How long a request may take to arrive, and how often that is looked at: for tests that cannot wait. */
  arrival?: { mostMs: number; lookMs: number };
  logger?: FastifyBaseLogger;
};

export type App = FastifyInstance & { ctx: Context; metrics: Registry; drain: () => void };

const MAX_URL = 4096;
/** Node looks every 30 seconds by itself: so long a client could take. */
const ARRIVAL = { mostMs: 15_000, lookMs: 1000 };
const REQUEST_ID = /^[A-Za-z0-9_.-]{8,64}$/;

/** Wires everything. The same for production and for tests. */
export async function build(options: BuildOptions): Promise<App> {
  const { config, store, arrival = ARRIVAL } = options;
  const ctx = createContext(options);
  const constant = await constantHeaders();

  // Unique without drawing random bytes for each request.
  const processId = randomUUID();
  let requests = 0;
  const stamp = (request: FastifyRequest, reply: FastifyReply) =>
    reply.headers(constant).header('x-request-id', request.id);

  const app = Fastify({
    ...(options.logger ? { loggerInstance: options.logger } : { logger: false }),
    // A line for every request costs as much as the request: errors are logged where they are answered.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: (request: IncomingMessage) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : `${processId}-${(requests += 1)}`;
    },
    // A logger of its own for each request would cost more than the line that few of them write.
    childLoggerFactory: (logger) => logger,
    trustProxy: config.trustProxy.length > 0 ? config.trustProxy : false,
    bodyLimit: 65_536,
    requestTimeout: arrival.mostMs,
    // Of the two limits Node takes the longer one for the whole request: its own for the headers is a minute.
    http: { headersTimeout: arrival.mostMs, connectionsCheckingInterval: arrival.lookMs },
    connectionTimeout: 60_000,
    keepAliveTimeout: 72_000,
    routerOptions: { maxParamLength: 500 },
    // Whoever still gets through is served: the store closes last.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => void app.errorHandler(error, request, stamp(request, reply)),
    clientErrorHandler: clientErrorHandler(config.publicUrl, constant),
  }).withTypeProvider<TypeBoxTypeProvider>();

  validation(app);
  problems(app, { publicUrl: config.publicUrl, explain: store.explain });
  // Answers are mapped by hand and held against the document by the tests: a serializer that silently drops or
  // bends what it does not expect would hide mistakes.
  app.setSerializerCompiler(() => JSON.stringify);
  for (const schema of components()) app.addSchema(schema);

  let draining = false;
  app.decorate('ownPages', {
    origin: new URL(config.publicUrl).origin,
    sendSecretKeys: config.secretKeysInDocs ?? false,
  });
  app.decorateRequest('actor', null as never);
  app.decorateRequest('session', null);
  app.decorateRequest('caller', null);
  app.addHook('onRequest', (request, reply, done) => {
    if (request.url.length > MAX_URL) return done(new ApiError('uri_too_long'));
    if (repeatsHost(request.raw)) {
      return done(new ApiError('invalid_request', { detail: 'There is more than one Host.' }));
    }
    if (draining) reply.header('connection', 'close');
    done();
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    stamp(request, reply);
    done(null, payload);
  });
  enableSendNow(app, constant);

  await openapi(app, config.publicUrl);
  const counted = config.REDIS_URL
    ? await RedisLimits.open(config.REDIS_URL, options.rootKey, app.log)
    : new LocalLimits();
  app.addHook('onClose', () => counted.close());
  const limits = createLimits(config.limits, counted, new PetitionKeys(store.read));
  const metrics = createMetrics(app, store, ctx.now);
  const streams = createStreams(ctx, options);
  watchLive(metrics, () => streams);
  watchLimits(metrics, () => counted.state());
  const closed = refuseOtherMethods(app);

  const reference = referenceRoutes({ publicUrl: config.publicUrl, document: documentOf });
  const service = serviceRoutes({
    store,
    now: ctx.now,
    limits: counted,
    metrics,
    draining: () => draining,
    document: documentOf,
  });
  const locales = options.locales ?? loadLocales();
  const admission = createAdmission({
    maxWaitMs: config.MAX_WAIT_MS ?? Infinity,
    maxWaiting: config.MAX_WAITING ?? Infinity,
    waiting: () => store.stats().waiting,
    publicUrl: config.publicUrl,
    log: app.log,
  });
  const scope = scopes(ctx, limits, admission);
  // Who may call what: a route stands in exactly one of these blocks.
  await app.register(scope('service', [service, reference, embedRoutes(locales, options.widget)]));
  await app.register(
    scope('open', [
      openPetitionRoutes(ctx, config.publicUrl),
      openSignatureRoutes(ctx),
      challengeRoutes(ctx),
      countRoutes(ctx),
      pictureRoutes(ctx, locales, metrics),
      oembedRoutes(ctx, config.publicUrl),
      openShareLinkRoutes(ctx),
      liveCountRoutes(ctx, streams),
      confirmationRoutes(ctx),
      openConsentTextRoutes(ctx),
      openSubscriptionRoutes(ctx),
      unsubscribeRoutes(ctx),
      mailEventRoutes(ctx, config.MAIL_WEBHOOK_SECRET ?? ''),
      manageLinkRoutes(ctx),
      emailChangeRoutes(ctx),
      pageRoutes(ctx, locales),
      shareRedirectRoutes(ctx, config.publicUrl),
    ]),
  );
  await app.register(
    scope('session', [
      meRoutes(ctx),
      mySignatureRoutes(ctx),
      mySubscriptionRoutes(ctx),
      myEmailChangeRoutes(ctx),
      myExportRoutes(ctx),
    ]),
  );
  await app.register(
    scope('secret', [
      secretPetitionRoutes(ctx),
      secretSignatureRoutes(ctx),
      secretSignatureExportRoutes(ctx, options.transfers),
      secretSignatureImportRoutes(ctx),
      secretImportRoutes(ctx),
      secretModerationRoutes(ctx),
      secretPartnerRoutes(ctx),
      secretPartnershipRoutes(ctx),
      secretConsentTextRoutes(ctx),
      secretSubscriptionRoutes(ctx),
      secretMailingRoutes(ctx),
      secretShareLinkRoutes(ctx),
      secretShareStatisticsRoutes(ctx),
      secretOrganizationRoutes(ctx),
      secretApiKeyRoutes(ctx),
      secretIsolatedKeyRoutes(ctx),
    ]),
  );
  app.options('*', { schema: { hide: true } }, (_request, reply) =>
    reply.code(204).headers(PREFLIGHT).send(),
  );
  closed();

  await app.ready();
  return Object.assign(app as unknown as FastifyInstance, {
    ctx,
    metrics,
    drain: () => {
      draining = true;
      streams.drain();
    },
  });
}

function createStreams(ctx: Context, { config, live = {} }: BuildOptions): LiveStreams {
  return new LiveStreams(new LiveCounts(ctx.store, ctx.now, { ...LIVE_PACE, ...live }), {
    most: config.LIVE_LISTENERS ?? Infinity,
    mostOfOne: config.limits ? MOST_OF_ONE : Infinity,
    heartbeatMs: HEARTBEAT_MS,
    ...live,
  });
}

/** Makes blocks of routes that share who may call them. */
const scopes =
  (ctx: Context, limits: Limits, admission: Admission) =>
  (access: Access, routes: FastifyPluginCallback[]): FastifyPluginCallback =>
  (app, _options, done) => {
    app.addHook('onRoute', (route) => {
      // Without `false` the plugin would still add a hook.
      route.compress ??= route.method === 'GET' ? {} : false;
      if (access === 'service') route.config = { ...route.config, limit: 'service' };
    });
    const admitted = (request: FastifyRequest) => {
      if (access === 'secret') assertScope(request.actor, request.routeOptions.config.scope);
      if (access === 'session') sessionOf(request);
    };
    // A promise only where limits are counted elsewhere.
    const admit = (request: FastifyRequest, reply: FastifyReply): void | Promise<void> => {
      const counting = limits.check(request, reply);
      return counting ? counting.then(() => admitted(request)) : admitted(request);
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
    if (access === 'open' || access === 'secret') {
      app.addHook('onRequest', admission.gate);
      app.addHook('preValidation', admission.count);
    }
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
    // After the hook above: it looks at a route once, when that is made.
    void app.register(compress, { global: false, threshold: 1024, encodings: ['gzip', 'identity'] });
    for (const plugin of routes) void app.register(plugin);
    done();
  };

/** A second Host header could name another site to a proxy than to us. */
function repeatsHost({ rawHeaders }: IncomingMessage): boolean {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts > 1;
}
