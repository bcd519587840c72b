import { and, eq } from 'drizzle-orm';
import type { RequestedOptIn } from '../../../schema/db/tables/mail.js';
import type { ConsentOrigin } from '../../../schema/db/tables/subscriptions.js';
import { invalidBody, type FieldError } from '../../errors.js';
import { bind, statement, type Tx } from '../../store/store.js';
import type { Actor } from '../actor.js';
import type { Context } from '../context.js';
import { isBlocked } from '../mail/do-not-contact.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import { askersOf } from './consent-texts.js';
import { recordConsent } from './consents.js';
import { activateSubscription, ensureSubscription } from './subscriptions.js';

/* Opt-ins: the answers to "may they mail you?" that come with a signature or a subscription. */

/**
 * An answer to "may they mail you?", given to the exact text that was shown. Organizations that did not ask have none.
 */
export type OptInInput = { consent_text_id: string; opt_in: boolean };

export type OptIn = RequestedOptIn & { optIn: boolean; doubleOptIn: boolean };

const findText = statement(
  'consent_text_answered',
  ({ db, tables: { consentTexts: t, organizations } }: Tx) =>
    db
      .select({
        id: t.publicId,
        consentTextKey: t.key,
        organizationKey: t.organizationKey,
        doubleOptIn: organizations.doubleOptIn,
      })
      .from(t)
      .innerJoin(organizations, eq(organizations.key, t.organizationKey))
      .where(eq(t.publicId, bind(t.publicId, 'id'))),
);

/**
 * Looks up the texts that were answered. Throws `invalid_body` for a text that this petition does not show, and for two
 * answers to one organization.
 */
export async function readOptIns(
  tx: Tx,
  actor: Actor,
  petition: PetitionHead,
  inputs: readonly OptInInput[] = [],
): Promise<OptIn[]> {
  if (inputs.length === 0) return [];
  const rows: Awaited<ReturnType<typeof findText>> = [];
  for (const { consent_text_id: id } of inputs) rows.push(...(await findText(tx, { id })));
  const askers = await askersOf(tx, actor, petition);
  const errors: FieldError[] = [];
  const seen = new Set<number>();
  const optIns = inputs.flatMap(({ consent_text_id: id, opt_in: optIn }, i) => {
    const row = rows.find((one) => one.id === id);
    const pointer = `/opt_ins/${i}/consent_text_id`;
    if (!row || !askers.includes(row.organizationKey)) {
      const detail = 'Use a consent text that listPetitionConsentTexts lists for you.';
      errors.push({ pointer, code: 'unknown', detail });
      return [];
    }
    if (seen.has(row.organizationKey)) {
      errors.push({ pointer, code: 'repeated', detail: 'Answer each organization once.' });
    }
    seen.add(row.organizationKey);
    const { organizationKey, consentTextKey } = row;
    return [{ organizationKey, consentTextKey, optIn, doubleOptIn: row.doubleOptIn === 1 }];
  });
  if (errors.length > 0) throw invalidBody(...errors);
  return optIns;
}

export type OptInContext = {
  supporterKey: number;
  /** The keyed hash of the supporter's identity. */
  subject: Buffer;
  petitionKey: number | null;
  origin: ConsentOrigin;
  source: string | null;
  locale: string;
  /** The mailbox is vouched for, so nothing needs confirming. */
  proven: boolean;
  /** The request is suspicious, so nothing becomes active at once. */
  suspicious?: boolean;
};

/**
 * Stores the answers, and returns the opt-ins that the mailbox must still confirm. An unproven yes becomes active at
 * once only for an organization without double opt-in, and not for a supporter who has left its list: coming back
 * always takes the mailbox.
 */
export async function takeOptIns(
  ctx: Context,
  tx: Tx,
  optIns: readonly OptIn[],
  about: OptInContext,
): Promise<RequestedOptIn[]> {
  const requested: RequestedOptIn[] = [];
  const blocked = optIns.length > 0 && (await isBlocked(tx, about.subject)) !== undefined;
  for (const { organizationKey, consentTextKey, optIn, doubleOptIn } of optIns) {
    const event = { organizationKey, consentTextKey, ...about };
    if (!optIn) {
      await recordConsent(ctx, tx, eventOf(event, 'declined'));
      continue;
    }
    const { status } = await ensureSubscription(ctx, tx, event);
    const atOnce = about.proven || (!doubleOptIn && status === 'pending' && !about.suspicious);
    // Other subscriptions still become active: this organization must not learn that the address refused mail of
    // others. It is never mailed anyway.
    if (atOnce && !(blocked && status === 'suppressed')) await activateSubscription(ctx, tx, event);
    else {
      await recordConsent(ctx, tx, eventOf(event, 'requested'));
      requested.push({ organizationKey, consentTextKey });
    }
  }
  return requested;
}

const eventOf = (
  { proven: _proven, suspicious: _suspicious, locale: _locale, ...event }: OptInContext & RequestedOptIn,
  action: 'declined' | 'requested',
) => ({ ...event, action });

/** The opt-ins that a mailbox is asked about of which nothing is stored before it has answered. */
export const requestedOf = (optIns: readonly OptIn[]): RequestedOptIn[] =>
  optIns
    .filter(({ optIn }) => optIn)
    .map(({ organizationKey, consentTextKey }) => ({ organizationKey, consentTextKey }));

/** The opt-ins of a request whose subscriptions are not active yet. */
export async function openOptIns(
  tx: Tx,
  supporterKey: number,
  optIns: readonly RequestedOptIn[] | null,
): Promise<RequestedOptIn[]> {
  if (!optIns || optIns.length === 0) return [];
  const { subscriptions: t } = tx.tables;
  const active = await tx.db
    .select({ organizationKey: t.organizationKey })
    .from(t)
    .where(and(eq(t.supporterKey, supporterKey), eq(t.status, 'active')));
  return optIns.filter((one) => !active.some((row) => row.organizationKey === one.organizationKey));
}
