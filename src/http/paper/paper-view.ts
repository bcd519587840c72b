import type { PaperSignature } from '../../../schema/api/paper/paper-signatures.js';
import type { PaperView } from '../../core/paper/paper-access.js';
import { iso } from '../case.js';
import { LineFile, type Cell } from '../line-files.js';

export const toPaper = (view: PaperView): PaperSignature => ({
  id: view.publicId,
  petition_id: view.petitionId,
  organization_id: view.organizationId,
  batch_id: view.batchId,
  status: view.status,
  reason: view.reason,
  // Anonymised, or hidden.
  name: view.name === '' ? null : view.name,
  given_name: view.givenName,
  family_name: view.familyName,
  country: view.country,
  postal_code: view.postalCode,
  postal_address: view.postalAddress,
  phone: view.phone,
  comment: view.comment,
  display: view.display,
  hidden: view.hidden === 1,
  sheet: view.sheet,
  signed_on: view.signedOn,
  external_id: view.externalId,
  shown: view.shown,
  created_at: iso(view.createdAt),
});

const COLUMNS: Record<string, (one: PaperSignature) => Cell> = {
  id: (one) => one.id,
  petition_id: (one) => one.petition_id,
  organization_id: (one) => one.organization_id,
  batch_id: (one) => one.batch_id,
  status: (one) => one.status,
  reason: (one) => one.reason,
  name: (one) => one.name,
  given_name: (one) => one.given_name,
  family_name: (one) => one.family_name,
  country: (one) => one.country,
  postal_code: (one) => one.postal_code,
  postal_address_lines: (one) => one.postal_address?.lines.join('\n'),
  postal_address_city: (one) => one.postal_address?.city,
  postal_address_region: (one) => one.postal_address?.region,
  phone: (one) => one.phone,
  comment: (one) => one.comment,
  display: (one) => one.display,
  hidden: (one) => one.hidden,
  sheet: (one) => one.sheet,
  signed_on: (one) => one.signed_on,
  external_id: (one) => one.external_id,
  shown: (one) => one.shown,
  created_at: (one) => one.created_at,
};

/** Files of paper signatures. */
export const PAPER_LINES = new LineFile(COLUMNS, toPaper);
