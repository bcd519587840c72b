import type * as Columns from './columns.postgres.js';
import { defineBrakesTables } from './tables/brakes.js';
import { defineCountsTables } from './tables/counts.js';
import { defineDeliveriesTables } from './tables/deliveries.js';
import { defineIdempotencyTables } from './tables/idempotency.js';
import { defineLinksTables } from './tables/links.js';
import { defineMailTables } from './tables/mail.js';
import { defineMailingsTables } from './tables/mailings.js';
import { defineMyDataTables } from './tables/my-data.js';
import { defineOrganizationTables } from './tables/organization.js';
import { definePaperTables } from './tables/paper.js';
import { definePartnersTables } from './tables/partners.js';
import { definePetitionsTables } from './tables/petitions.js';
import { defineSegmentsTables } from './tables/segments.js';
import { defineSendingTables } from './tables/sending.js';
import { defineSharingTables } from './tables/sharing.js';
import { defineSignaturesTables } from './tables/signatures.js';
import { defineSubscriptionsTables } from './tables/subscriptions.js';
import { defineSupportersTables } from './tables/supporters.js';
import { defineWordsTables } from './tables/words.js';

/*
 * All tables, defined by noun in `tables/`. `d` is one engine's set of column builders; the static types are
 * PostgreSQL's for both engines.
 *
 * Rows are joined by small ascending integers (`key`), and named by `publicId` outside. Do not add an index over random
 * values without need: each makes signing slower. Text is stored as people wrote it; values for search and comparison
 * are computed in the application, so that both engines agree on them.
 */

export function defineTables(d: typeof Columns) {
  const organization = defineOrganizationTables(d);
  const petitions = definePetitionsTables(d, organization);
  const supporters = defineSupportersTables(d, organization);
  const signatures = defineSignaturesTables(d, { ...organization, ...petitions, ...supporters });
  const subscriptions = defineSubscriptionsTables(d, { ...organization, ...petitions, ...supporters });
  const nouns = { ...organization, ...petitions, ...supporters, ...signatures, ...subscriptions };
  const myData = defineMyDataTables(d, nouns);
  const deliveries = defineDeliveriesTables(d, nouns);
  const mail = defineMailTables(d, { ...nouns, ...myData, ...deliveries });
  const mailings = defineMailingsTables(d, nouns);
  return {
    ...nouns,
    ...myData,
    ...deliveries,
    ...mail,
    ...defineLinksTables(d, { ...nouns, ...mail, ...myData }),
    ...mailings,
    ...defineSegmentsTables(d, nouns),
    ...defineSendingTables(d, { ...nouns, ...mailings }),
    ...defineCountsTables(d, nouns),
    ...definePaperTables(d, nouns),
    ...definePartnersTables(d, nouns),
    ...defineSharingTables(d, nouns),
    ...defineBrakesTables(d, nouns),
    ...defineWordsTables(d, nouns),
    ...defineIdempotencyTables(d),
  };
}

export type Tables = ReturnType<typeof defineTables>;
