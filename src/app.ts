import type { FastifyBaseLogger, FastifyInstance, FastifyPluginCallback } from 'fastify';
import type { Registry } from 'prom-client';
import type { BuildOptions } from './build-options.js';
import { PauseWatch } from './core/brakes/pauses.js';
import type { Context } from './core/context.js';
import { LIVE_PACE, LiveCounts } from './core/live/live-counts.js';
import { Recognition } from './core/recognition.js';
import { PetitionKeys } from './core/petitions/petition-keys.js';
import { verbsInPlace } from './core/verbs/verbs.js';
import { createContext } from './create-context.js';
import { blocks } from './http/blocks.js';
import { challengeRoutes } from './http/brakes/challenges.js';
import { secretIsolatedKeyRoutes } from './http/brakes/key-isolations.js';
import { wordListRoutes } from './http/brakes/word-lists.js';
import { confirmationRoutes } from './http/confirmation/confirmations.js';
import { countRoutes } from './http/counts/counts.js';
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
import { liveCountRoutes } from './http/live/live-counts.js';
import { HEARTBEAT_MS, LiveStreams, MOST_OF_ONE } from './http/live/live-streams.js';
import { mailingLifeRoutes, mailingScheduleRoutes } from './http/mailings/life.js';
import { mailingCheckRoutes } from './http/mailings/checks.js';
import { mailingLinkRoutes } from './http/mailings/mailing-links.js';
import { clickRedirectRoutes } from './http/mailing-results/click-redirect.js';
import { mailReportRoutes } from './http/mailing-results/mail-reports.js';
import { secretMailingStatisticsRoutes } from './http/mailing-results/statistics.js';
import { secretMailingRoutes } from './http/mailings/mailings.js';
import { secretSegmentRoutes } from './http/segments/segments.js';
import { mailingPreviewRoutes } from './http/mailings/previews.js';
import { mailingTestRoutes } from './http/mailings/tests.js';
import { refuseOtherMethods } from './http/methods.js';
import { emailChangeRoutes, myEmailChangeRoutes } from './http/my-data/email-changes.js';
import { meRoutes } from './http/my-data/me.js';
import { myExportRoutes } from './http/my-data/my-export.js';
import { mySignatureRoutes } from './http/my-data/my-signatures.js';
import { mySubscriptionRoutes } from './http/my-data/my-subscriptions.js';
import { manageLinkRoutes } from './http/my-data/sessions.js';
import { openapi, documentOf } from './http/openapi/openapi.js';
import { secretApiKeyRoutes } from './http/organization/api-keys.js';
import { testDataRoutes } from './http/organization/test-data.js';
import { adminOrganizationRoutes, secretOrganizationRoutes } from './http/organization/organizations.js';
import { pageRoutes } from './http/pages/pages.js';
import { createErrorPage, homeRoutes } from './http/pages/home.js';
import { createNotFoundPage } from './http/pages/not-found.js';
import type { Site } from './http/pages/visit.js';
import { UNNAMED } from './installation.js';
import { ownPagesOf } from './http/own-pages.js';
import { openOffsetRoutes, secretOffsetRoutes } from './http/paper/offsets.js';
import { secretPaperBatchRoutes } from './http/paper/paper-batches.js';
import { secretPaperImportRoutes } from './http/paper/paper-import.js';
import { secretPaperRoutes } from './http/paper/paper-signatures.js';
import { secretPartnerRoutes, secretPartnershipRoutes } from './http/partners/partnerships.js';
import { embedRoutes } from './http/petitions/embed.js';
import { oembedRoutes } from './http/petitions/oembed.js';
import { petitionPageRoutes } from './http/pages/petition-page.js';
import { openPetitionRoutes, secretPetitionRoutes } from './http/petitions/petitions.js';
import { pictureRoutes } from './http/petitions/pictures.js';
import { openResponseRoutes, secretResponseRoutes } from './http/petitions/responses.js';
import { translationRoutes } from './http/petitions/translations.js';
import { RequestTimes } from './http/request-times.js';
import { createMetrics, watchLimits, watchLive, watchPauses } from './http/service/metrics.js';
import { referenceRoutes } from './http/service/reference.js';
import { wellKnownRoutes } from './http/service/well-known.js';
import { serviceRoutes } from './http/service/service.js';
import { sendingPolicyRoutes } from './http/sending/policies.js';
import { mailingRecipientRoutes } from './http/sending/recipients.js';
import { openShareLinkRoutes, secretShareLinkRoutes } from './http/sharing/share-links.js';
import { shareRedirectRoutes } from './http/sharing/share-redirect.js';
import { secretShareStatisticsRoutes } from './http/sharing/share-statistics.js';
import { secretImportRoutes } from './http/signatures/imports.js';
import { secretModerationRoutes } from './http/signatures/moderations.js';
import { publicSignatureRoutes } from './http/signatures/public-signatures.js';
import { secretSignatureExportRoutes } from './http/signatures/signature-export.js';
import { secretSignatureImportRoutes } from './http/signatures/signature-import.js';
import { secretSignatureRoutes } from './http/signatures/signatures.js';
import { signingRoutes } from './http/signatures/signing.js';
import { openConsentTextRoutes, secretConsentTextRoutes } from './http/subscriptions/consent-texts.js';
import { mailEventRoutes } from './http/subscriptions/mail-events.js';
import { openSubscriptionRoutes, secretSubscriptionRoutes } from './http/subscriptions/subscriptions.js';
import { unsubscribeRoutes } from './http/subscriptions/unsubscribing.js';
import { secretWordsRoutes } from './http/words/petition-words.js';
import { loadLocales } from './mail/load-locales.js';
import { campaignOf } from './mail/campaign/campaign.js';
import { createRenderer } from './mail/render.js';

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
  await app.register(block('session', sessionRoutes(ctx)));
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

type ServiceParts = {
  ctx: Context;
  site: Site;
  options: BuildOptions;
  counted: LimitStore;
  metrics: Registry;
  pauses: PauseWatch;
  draining: () => boolean;
};

/** Routes for operators, tools and partner sites, which are not refused under load. */
const openServiceRoutes = ({
  ctx: { store, now },
  site: { locales, installation },
  options: { config, rootKey, widget },
  counted: limits,
  ...parts
}: ServiceParts): FastifyPluginCallback[] => {
  const document = documentOf;
  const { publicUrl, SECURITY_CONTACT: contact = '' } = config;
  return [
    serviceRoutes({ store, now, limits, document, recognition: new Recognition(rootKey), ...parts }),
    referenceRoutes({ publicUrl, name: installation.name, document }),
    wellKnownRoutes({ publicUrl, contact, now }),
    embedRoutes(locales, widget),
  ];
};

type OpenParts = {
  ctx: Context;
  config: BuildOptions['config'];
  site: Site;
  metrics: Registry;
  streams: LiveStreams;
  options: Pick<BuildOptions, 'pictures' | 'verbs'>;
};

/** Routes that need no key. */
const openRoutes = (
  { ctx, config, site, metrics, streams, options }: OpenParts,
  verbs = options.verbs?.(ctx) ?? verbsInPlace(ctx),
): FastifyPluginCallback[] => [
  openPetitionRoutes(ctx, config.publicUrl),
  signingRoutes(ctx, verbs),
  publicSignatureRoutes(ctx),
  challengeRoutes(verbs),
  countRoutes(ctx),
  pictureRoutes(ctx, site.locales, metrics, options.pictures),
  oembedRoutes(ctx, config.publicUrl),
  openShareLinkRoutes(ctx),
  liveCountRoutes(ctx, streams),
  openOffsetRoutes(ctx),
  openResponseRoutes(ctx),
  confirmationRoutes(ctx, verbs),
  openConsentTextRoutes(ctx),
  openSubscriptionRoutes(ctx, verbs),
  unsubscribeRoutes(ctx),
  mailEventRoutes(ctx, config.MAIL_WEBHOOK_SECRET ?? ''),
  mailReportRoutes(ctx, config.MAIL_WEBHOOK_SECRET ?? ''),
  manageLinkRoutes(ctx),
  emailChangeRoutes(ctx),
  pageRoutes(ctx, verbs, site),
  homeRoutes(ctx, site),
  petitionPageRoutes(ctx, verbs, site, config.publicUrl),
  shareRedirectRoutes(ctx, config.publicUrl, createErrorPage(site)),
  clickRedirectRoutes(ctx, createErrorPage(site)),
];

/** Routes for one supporter's own data, with a session. */
const sessionRoutes = (ctx: Context): FastifyPluginCallback[] => [
  meRoutes(ctx),
  mySignatureRoutes(ctx),
  mySubscriptionRoutes(ctx),
  myEmailChangeRoutes(ctx),
  myExportRoutes(ctx),
];

type SecretParts = Pick<OpenParts, 'ctx' | 'site'> & { options: BuildOptions };

/** Routes for organizations, with a secret key. */
const secretRoutes = (
  { ctx, site, options }: SecretParts,
  { transfers } = options,
  campaign = campaignOf(options, site.locales),
): FastifyPluginCallback[] => [
  secretPetitionRoutes(ctx),
  translationRoutes(ctx),
  secretWordsRoutes(ctx, createRenderer(site.locales, site.installation)),
  secretSignatureRoutes(ctx),
  secretSignatureExportRoutes(ctx, transfers),
  secretSignatureImportRoutes(ctx),
  secretImportRoutes(ctx),
  secretModerationRoutes(ctx),
  secretPaperRoutes(ctx, transfers),
  secretPaperImportRoutes(ctx),
  secretPaperBatchRoutes(ctx),
  secretOffsetRoutes(ctx),
  secretResponseRoutes(ctx),
  secretPartnerRoutes(ctx),
  secretPartnershipRoutes(ctx),
  secretConsentTextRoutes(ctx),
  secretSubscriptionRoutes(ctx),
  secretMailingRoutes(ctx),
  secretSegmentRoutes(ctx),
  mailingScheduleRoutes(ctx, campaign.compile),
  mailingLifeRoutes(ctx, campaign.compile),
  mailingRecipientRoutes(ctx),
  sendingPolicyRoutes(ctx),
  mailingLinkRoutes(ctx),
  mailingPreviewRoutes(ctx, campaign),
  mailingCheckRoutes(ctx, campaign),
  mailingTestRoutes(ctx),
  secretMailingStatisticsRoutes(ctx, site.locales),
  secretShareLinkRoutes(ctx),
  secretShareStatisticsRoutes(ctx),
  secretOrganizationRoutes(ctx),
  secretApiKeyRoutes(ctx),
  testDataRoutes(ctx),
  wordListRoutes(ctx),
  secretIsolatedKeyRoutes(ctx),
];

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
