import { Failure } from './api.js';

/* What the console says when a petition cannot be shown. For the makers of the page, so in English. No personal data. */

const ADVICE: Record<string, string> = {
  no_slug: 'it has no slug. Add slug="…".',
  petition_not_found: 'no published petition has this slug.',
  invalid_query: 'slug or locale is wrong.',
  petition_taken_down: 'it was taken down. Remove the element.',
  invalid_key: 'the key is wrong or revoked.',
  not_a_partner: 'the organization of the key has to accept its invitation.',
  secret_key_in_browser: 'the key is secret. Revoke it now, and use a publishable key (pk_…) here.',
  offline: 'no answer. Check the connection, the attribute api and the policy of the page (connect-src).',
};

/** Why a petition cannot be shown, and what to do. `step`: what was being loaded. */
export function whyOf(error: unknown, step = 'signature'): string {
  // The message could repeat what was typed.
  if (!(error instanceof Failure)) return `unexpected ${(error as Error).name} (${step})`;
  const { code, status } = error;
  const advice =
    code === 'origin_not_allowed'
      ? `pages on ${location.origin} may not show it. Add it to the origins of the key, or of the petition.`
      : (ADVICE[code] ?? (status >= 500 ? 'the server failed. Look at its log.' : 'the server refused.'));
  return `cannot be shown: ${advice} (${step}: ${code}${status > 0 ? `, ${status}` : ''})`;
}
