import type * as Columns from './columns.postgres.js';
import { defineBrakesTables } from './tables/brakes.js';
import { defineCountsTables } from './tables/counts.js';
import { defineIdempotencyTables } from './tables/idempotency.js';
import { defineLinksTables } from './tables/links.js';
import { defineMailTables } from './tables/mail.js';
import { defineMailingsTables } from './tables/mailings.js';
import { defineMyDataTables } from './tables/my-data.js';
import { defineOrganizationTables } from './tables/organization.js';
import { definePartnersTables } from './tables/partners.js';
import { definePetitionsTables } from './tables/petitions.js';
import { defineSharingTables } from './tables/sharing.js';
import { defineSignaturesTables } from './tables/signatures.js';
import { defineSubscriptionsTables } from './tables/subscriptions.js';
import { defineSupportersTables } from './tables/supporters.js';

/*
 * All table definitions, each beside those of its noun in `tables/`. `columns` is one engine's set of column builders; the
 * static types are PostgreSQL's for both, so that what compiles here runs on either.
 *
 * Inside, rows are joined by small ordered integers (`key`); outside, things are named by `publicId`. Every further index
 * over random values makes signing slower. Text that people wrote is stored as they wrote it; what is searched or compared
 * is computed in the application, so that both engines agree on it.
 */

export function defineTables(d: typeof Columns) {
  const organization = defineOrganizationTables(d);
  const petitions = definePetitionsTables(d, organization);
  const supporters = defineSupportersTables(d, organization);
  const signatures = defineSignaturesTables(d, { ...organization, ...petitions, ...supporters });
  const subscriptions = defineSubscriptionsTables(d, { ...organization, ...petitions, ...supporters });
  const nouns = { ...organization, ...petitions, ...supporters, ...signatures, ...subscriptions };
  const myData = defineMyDataTables(d, nouns);
  const mail = defineMailTables(d, { ...nouns, ...myData });
  return {
    ...nouns,
    ...myData,
    ...mail,
    ...defineLinksTables(d, { ...nouns, ...mail, ...myData }),
    ...defineMailingsTables(d, nouns),
    ...defineCountsTables(d, nouns),
    ...definePartnersTables(d, nouns),
    ...defineSharingTables(d, nouns),
    ...defineBrakesTables(d, nouns),
    ...defineIdempotencyTables(d),
  };
}

export type Tables = ReturnType<typeof defineTables>;
