import type { Evidence } from '../../../schema/db/tables/subscriptions.js';
import { worldOf, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { inWorld, parseEmail, type World } from '../email.js';
import { once, type Retry } from '../idempotency.js';
import { findUsableText } from './consent-texts.js';
import { assertCollected, vouchFor, type VouchedRow } from './vouched-subscribers.js';

export type ImportRow = {
  email: string;
  locale?: string | null;
  source?: string | null;
  externalId?: string | null;
};

export const SKIP_CODES = ['invalid_email', 'duplicate', 'do_not_contact', 'consent_required'] as const;
export type SkipCode = (typeof SKIP_CODES)[number];
export type Skipped = { row: number; code: SkipCode };

export type Imported = { created: number; activated: number; unchanged: number; skipped: Skipped[] };

export type ImportInput = { consentTextId: string; evidence: Evidence; rows: readonly ImportRow[] };

/**
 * Imports subscribers whose consent was given elsewhere, all in one transaction. Invalid rows are skipped, and reported
 * by their index. Importing the same rows again changes nothing. Throws `invalid_body`, `consent_text_not_found`,
 * `idempotency_key_reused`.
 */
export async function importSubscribers(
  ctx: Context,
  actor: KeyedActor,
  { consentTextId, evidence, rows }: ImportInput,
  retry?: Retry,
): Promise<Imported> {
  assertCollected(evidence, ctx.now());
  const { valid, skipped } = readRows(ctx, worldOf(actor), rows);
  return ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const text = await findUsableText(tx, actor, consentTextId);
      const outcomes = await vouchFor(ctx, tx, { text, evidence, origin: 'import' }, valid);
      const result: Imported = { created: 0, activated: 0, unchanged: 0, skipped: [...skipped] };
      outcomes.forEach((outcome, i) => {
        if (outcome === 'do_not_contact' || outcome === 'consent_required') {
          result.skipped.push({ row: valid[i]?.row ?? 0, code: outcome });
        } else result[outcome] += 1;
      });
      result.skipped.sort((a, b) => a.row - b.row);
      return result;
    }),
  );
}

/** Separates rows with an invalid address, or with the address of an earlier row. */
function readRows(ctx: Context, world: World, rows: readonly ImportRow[]) {
  const valid: (VouchedRow & { row: number })[] = [];
  const skipped: Skipped[] = [];
  const seen = new Set<string>();
  rows.forEach(({ email: typed, locale = null, source = null, externalId = null }, row) => {
    const email = inWorld(world, parseEmail(typed));
    if (!email) return skipped.push({ row, code: 'invalid_email' });
    if (seen.has(email.identity)) return skipped.push({ row, code: 'duplicate' });
    seen.add(email.identity);
    return valid.push({
      row,
      email,
      subject: ctx.secrets.subject(email.identity),
      locale,
      source,
      externalId,
    });
  });
  return { valid, skipped };
}
