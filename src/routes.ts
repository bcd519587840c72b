import type { FastifyPluginCallback } from 'fastify';
import type { Registry } from 'prom-client';
import type { BuildOptions } from './build-options.js';
import type { PauseWatch } from './core/brakes/pauses.js';
import type { Context } from './core/context.js';
import { Recognition } from './core/recognition.js';
import { verbsInPlace } from './core/verbs/verbs.js';
import { challengeRoutes } from './http/brakes/challenges.js';
import { secretIsolatedKeyRoutes } from './http/brakes/key-isolations.js';
import { wordListRoutes } from './http/brakes/word-lists.js';
import { confirmationRoutes } from './http/confirmation/confirmations.js';
import { countRoutes } from './http/counts/counts.js';
import { secretDeliveryRoutes } from './http/deliveries/deliveries.js';
import { publicDeliveryRoutes } from './http/deliveries/public-deliveries.js';
import type { LimitStore } from './http/limits/limit-store.js';
import { liveCountRoutes } from './http/live/live-counts.js';
import type { LiveStreams } from './http/live/live-streams.js';
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
import { emailChangeRoutes, myEmailChangeRoutes } from './http/my-data/email-changes.js';
import { meRoutes } from './http/my-data/me.js';
import { myExportRoutes } from './http/my-data/my-export.js';
import { myDeliveryRoutes } from './http/my-data/my-deliveries.js';
import { mySignatureRoutes } from './http/my-data/my-signatures.js';
import { mySubscriptionRoutes } from './http/my-data/my-subscriptions.js';
import { manageLinkRoutes } from './http/my-data/sessions.js';
import { documentOf } from './http/openapi/openapi.js';
import { secretApiKeyRoutes } from './http/organization/api-keys.js';
import { testDataRoutes } from './http/organization/test-data.js';
import { secretOrganizationRoutes } from './http/organization/organizations.js';
import { pageRoutes } from './http/pages/pages.js';
import { createErrorPage, homeRoutes } from './http/pages/home.js';
import type { Site } from './http/pages/visit.js';
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
import { translationRoutes } from './http/petitions/translations.js';
import { openResponseRoutes, secretResponseRoutes } from './http/petitions/responses.js';
import { referenceRoutes } from './http/service/reference.js';
import { signingKeyRoutes } from './http/service/signing-keys.js';
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
import { campaignOf } from './mail/campaign/campaign.js';
import { createRenderer } from './mail/render.js';

/*
 * All routes, in the lists of those who may call them. `src/app.ts` puts each list into its block: moving a line changes who
 * may call it.
 */

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
export const openServiceRoutes = ({
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
    signingKeyRoutes(rootKey),
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
export const openRoutes = (
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
  publicDeliveryRoutes(ctx),
  confirmationRoutes(ctx, verbs),
  openConsentTextRoutes(ctx),
  openSubscriptionRoutes(ctx, verbs),
  unsubscribeRoutes(ctx),
  mailEventRoutes(ctx, config.MAIL_WEBHOOK_SECRET ?? ''),
  mailReportRoutes(ctx, config.MAIL_WEBHOOK_SECRET ?? ''),
  manageLinkRoutes(ctx),
  emailChangeRoutes(ctx),
  pageRoutes(ctx, verbs, site, config.DELIVERIES_FOLDER ?? ''),
  homeRoutes(ctx, site),
  petitionPageRoutes(ctx, verbs, site, config.publicUrl),
  shareRedirectRoutes(ctx, config.publicUrl, createErrorPage(site)),
  clickRedirectRoutes(ctx, createErrorPage(site)),
];

/** Where the files of deliveries are. */
export const deliveriesOf = ({ config }: Pick<BuildOptions, 'config'>): string =>
  config.DELIVERIES_FOLDER ?? '';

/** Routes for one supporter's own data, with a session. */
export const sessionRoutes = (ctx: Context, deliveries: string): FastifyPluginCallback[] => [
  meRoutes(ctx),
  mySignatureRoutes(ctx),
  myDeliveryRoutes(ctx, deliveries),
  mySubscriptionRoutes(ctx),
  myEmailChangeRoutes(ctx),
  myExportRoutes(ctx),
];

type SecretParts = Pick<OpenParts, 'ctx' | 'site'> & { options: BuildOptions };

/** Routes for organizations, with a secret key. */
export const secretRoutes = (
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
  secretDeliveryRoutes({ ctx, locales: site.locales }, deliveriesOf(options)),
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
