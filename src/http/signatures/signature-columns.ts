import type { Signature } from '../../../schema/api/signatures/signatures.js';
import { answerColumn, answerTo } from '../../core/signatures/answers.js';
import { LineFile, type Cell } from '../line-files.js';
import { toSignature } from './signatures.js';

type Wire = (typeof Signature)['static'];

/** The columns of the CSV: the members of a `Signature`, with several columns for nested ones. */
const COLUMNS: Record<string, (one: Wire) => Cell> = {
  id: (one) => one.id,
  petition_id: (one) => one.petition_id,
  supporter_id: (one) => one.supporter_id,
  status: (one) => one.status,
  email: (one) => one.email,
  name: (one) => one.name,
  given_name: (one) => one.given_name,
  family_name: (one) => one.family_name,
  country: (one) => one.country,
  postal_code: (one) => one.postal_code,
  postal_address_lines: (one) => one.postal_address?.lines.join('\n'),
  postal_address_city: (one) => one.postal_address?.city,
  postal_address_region: (one) => one.postal_address?.region,
  phone: (one) => one.phone,
  phone_e164: (one) => one.phone_e164,
  comment: (one) => one.comment,
  display: (one) => one.display,
  source: (one) => one.source,
  utm_source: (one) => one.utm?.source,
  utm_medium: (one) => one.utm?.medium,
  utm_campaign: (one) => one.utm?.campaign,
  utm_term: (one) => one.utm?.term,
  utm_content: (one) => one.utm?.content,
  collector_id: (one) => one.collector_id,
  shown: (one) => one.shown,
  mailing_id: (one) => one.mailing_id,
  hidden: (one) => one.hidden,
  external_id: (one) => one.external_id,
  created_at: (one) => one.created_at,
  confirmed_at: (one) => one.confirmed_at,
  withdrawn_at: (one) => one.withdrawn_at,
  signed_locale: (one) => one.signed_locale,
  suspicion_score: (one) => one.suspicion?.score,
  suspicion_signals: (one) => one.suspicion?.signals.join(' '),
};

/** Files of signatures. Columns for the answers to the petition's own fields come last. */
export const signatureLines = (ownFields: readonly string[] = []) =>
  new LineFile(
    {
      ...COLUMNS,
      ...Object.fromEntries(
        ownFields.map((name) => [answerColumn(name), ({ answers }: Wire) => answerTo(answers, name)]),
      ),
    },
    toSignature,
  );
