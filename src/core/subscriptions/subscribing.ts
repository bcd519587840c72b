import { eq } from 'drizzle-orm';
import type { Evidence } from '../../../schema/db/tables/subscriptions.js';
import { ApiError } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import type { Actor } from '../actor.js';
import type { Context } from '../context.js';
import { inWorld, requireEmail, type EmailAddress } from '../email.js';
import { once, type Retry } from '../idempotency.js';
import { insertRequest } from '../mail/confirmation-requests.js';
import { isBlocked } from '../mail/do-not-contact.js';
import { queueMail } from '../mail/outbox.js';
import { findOrCreateSupporter } from '../supporters/supporters.js';
import { findUsableText, worldOfText, type ConsentText } from './consent-texts.js';
import { takeOptIns, type OptInContext } from './opt-ins.js';
import { readSubscription, type SubscriptionView } from './subscribers.js';
import { ensureSubscription } from './subscriptions.js';
import { assertCollected, vouchFor } from './vouched-subscribers.js';

/* Subscribing an address: by a form, or by an organization with a consent that was given elsewhere. */

export type SubscribeInput = {
  email: string;
  consentTextId: string;
  locale?: string | null;
  source?: string | null;
  /** How the organization got a consent that was given elsewhere. */
  evidence?: Evidence | null;
  externalId?: string | null;
};

/** What subscribing did. A stranger may get only the fields that do not depend on the address. */
export type Subscribed = {
  organizationId: string;
  /** Whether this organization has every subscription confirmed by its mailbox. */
  doubleOptIn: boolean;
  created: boolean;
  subscription: SubscriptionView;
};

type Attempt = { input: SubscribeInput; email: EmailAddress; subject: Buffer; supporterId: string };

/**
 * Subscribes an address to an organization's mails. The mailbox is asked, unless the organization sends evidence of a
 * consent, or uses no double opt-in. Supporters who have left a list are always asked.
 *
 * Throws `invalid_body`, `scope_required`, `consent_text_not_found`, `idempotency_key_reused`; for secret keys also
 * `do_not_contact`, `consent_required`.
 */
export async function subscribe(
  ctx: Context,
  actor: Actor,
  input: SubscribeInput,
  retry?: Retry,
): Promise<Subscribed> {
  const typed = requireEmail(input.email);
  assertScopes(actor, input);
  if (input.evidence) assertCollected(input.evidence, ctx.now());
  const supporterId = ctx.newId('sup');
  const subscribed = await ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const text = await findUsableText(tx, actor, input.consentTextId);
      const email = inWorld(worldOfText(text), typed);
      const attempt = { input, email, subject: ctx.secrets.subject(email.identity), supporterId };
      return input.evidence
        ? vouch(ctx, tx, text, attempt, input.evidence)
        : askMailbox(ctx, tx, text, attempt, actor.kind === 'secret');
    }),
  );
  ctx.mailWaits();
  return subscribed;
}

function assertScopes(actor: Actor, { evidence, externalId }: SubscribeInput): void {
  const secret = actor.kind === 'secret';
  if (secret && !actor.scopes.includes('subscriptions:write')) {
    throw new ApiError('scope_required', { detail: 'The key needs the scope subscriptions:write.' });
  }
  if (!secret && (evidence != null || externalId != null)) {
    throw new ApiError('scope_required', {
      detail: 'Only a secret key can send evidence or an external_id.',
    });
  }
}

const doNotContact = () =>
  new ApiError('do_not_contact', {
    detail: 'The mailbox refused mail, or its owner complained or asked not to be mailed.',
  });

async function vouch(
  ctx: Context,
  tx: Tx,
  text: ConsentText,
  { input, email, subject, supporterId }: Attempt,
  evidence: Evidence,
): Promise<Subscribed> {
  const { locale = null, source = null, externalId = null } = input;
  const row = { email, subject, locale, source, externalId };
  const [outcome] = await vouchFor(ctx, tx, { text, evidence, origin: 'api' }, [row]);
  if (outcome === 'do_not_contact') throw doNotContact();
  if (outcome === 'consent_required') {
    throw new ApiError('consent_required', {
      detail: 'This subscription has ended: only a consent that was collected after that can reactivate it.',
    });
  }
  const supporter = await findOrCreateSupporter(tx, email, supporterId);
  return resultOf(tx, text, supporter.key, outcome === 'created');
}

/** As for signatures, a stranger's request must do the same work for every address; what is mailed is decided later. */
async function askMailbox(
  ctx: Context,
  tx: Tx,
  text: ConsentText,
  { input, email, subject, supporterId }: Attempt,
  keyed: boolean,
): Promise<Subscribed> {
  const { key: supporterKey } = await findOrCreateSupporter(tx, email, supporterId);
  const about = {
    organizationKey: text.organizationKey,
    supporterKey,
    locale: input.locale ?? text.locale,
    source: input.source ?? null,
    externalId: input.externalId ?? null,
  };
  const before = await ensureSubscription(ctx, tx, about);
  // Checked only for subscriptions that the organization knows to be suppressed: it must not learn that the address
  // refused mail of others.
  if (keyed && before.status === 'suppressed' && (await isBlocked(tx, subject))) throw doNotContact();
  if (about.externalId !== null && about.externalId !== before.externalId) {
    const { subscriptions: t } = tx.tables;
    await tx.db.update(t).set({ externalId: about.externalId }).where(eq(t.key, before.key));
  }
  // A stranger's request about an active subscription is stored like any other, or it would reveal it; an organization
  // knows.
  if (!keyed || before.status !== 'active') {
    await request(ctx, tx, text, { ...about, subject, origin: keyed ? 'api' : 'form' });
  }
  return resultOf(tx, text, supporterKey, before.created);
}

type Asking = Pick<OptInContext, 'supporterKey' | 'subject' | 'origin' | 'source' | 'locale'>;

async function request(ctx: Context, tx: Tx, text: ConsentText, asking: Asking): Promise<void> {
  const { organizationKey, key: consentTextKey, organization } = text;
  const { supporterKey, subject, origin, source, locale } = asking;
  const about = { supporterKey, subject, origin, source, locale, petitionKey: null, proven: false };
  const doubleOptIn = organization.doubleOptIn === 1;
  const optIn = { organizationKey, consentTextKey, optIn: true, doubleOptIn };
  const optIns = await takeOptIns(ctx, tx, [optIn], about);
  if (optIns.length === 0) return;
  const kind = 'subscription';
  const requestKey = await insertRequest(tx, { kind, supporterKey, optIns, origin, locale, source });
  await queueMail(tx, 'subscribed', supporterKey, { requestKey, organizationKey, locale });
}

const resultOf = async (
  tx: Tx,
  { organizationKey, organization }: ConsentText,
  supporterKey: number,
  created: boolean,
): Promise<Subscribed> => ({
  organizationId: organization.publicId,
  doubleOptIn: organization.doubleOptIn === 1,
  created,
  subscription: await readSubscription(tx, { organizationKey, supporterKey }),
});
