import { columns } from './columns.sqlite.js';
import { defineTables } from './tables.js';

// Named one by one, because drizzle-kit reads the exports of this file.
export const {
  organizations,
  apiKeys,
  petitions,
  petitionSlugs,
  supporters,
  signatures,
  moderations,
  petitionCounts,
  petitionHistory,
  milestones,
  idempotencyKeys,
  consentTexts,
  consents,
  subscriptions,
  confirmationRequests,
  linkTokens,
  linkKeys,
  emailChanges,
  doNotContact,
  mailings,
  outbox,
} = defineTables(columns);
