import { and, eq, inArray } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { ConsentOrigin, Evidence, SubscriptionStatus } from '../../../schema/db/tables/subscriptions.js';
import { bind, bindAll, statement, type Reader, type Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { HANDLE_BYTES } from '../links/signed-tokens.js';
import { requireWritten } from '../overtaken.js';
import { recordConsent } from './consents.js';

/*
 * The life of a subscription. Every change must write a consent record in the same transaction, so only this file and
 * vouched-subscribers.ts may change subscriptions.
 */

export type Subscription = Tables['subscriptions']['$inferSelect'];

type Between = { organizationKey: number; supporterKey: number };

const find = statement('subscription_find', ({ db, tables: { subscriptions: t } }: Reader) =>
  db
    .select()
    .from(t)
    .where(
      and(
        eq(t.organizationKey, bind(t.organizationKey, 'organizationKey')),
        eq(t.supporterKey, bind(t.supporterKey, 'supporterKey')),
      ),
    ),
);

export async function findSubscription(
  on: Reader,
  { organizationKey, supporterKey }: Between,
): Promise<Subscription | undefined> {
  const [row] = await find(on, { organizationKey, supporterKey });
  return row;
}

const insert = statement('subscription_insert', ({ db, tables: { subscriptions: t } }: Tx) =>
  db
    .insert(t)
    .values({
      ...bindAll(t, [
        'organizationKey',
        'supporterKey',
        'locale',
        'source',
        'externalId',
        'publicId',
        'handle',
        'createdAt',
      ]),
      status: 'pending',
    })
    .onConflictDoNothing()
    .returning(),
);

/** The subscription of a supporter to an organization; a pending one is created if there is none. */
export async function ensureSubscription(
  ctx: Context,
  tx: Tx,
  about: Between & { locale?: string | null; source?: string | null; externalId?: string | null },
): Promise<Subscription & { created: boolean }> {
  const { organizationKey, supporterKey, locale = null, source = null, externalId = null } = about;
  const [inserted] = await insert(tx, {
    organizationKey,
    supporterKey,
    locale,
    source,
    externalId,
    publicId: ctx.newId('sub'),
    handle: ctx.random(HANDLE_BYTES),
    createdAt: tx.now,
  });
  const row = inserted ?? (await findSubscription(tx, about));
  if (!row) throw new Error('a subscription was neither inserted nor found');
  return { ...row, created: inserted !== undefined };
}

export type Grant = Between & {
  /** The keyed hash of the supporter's identity. */
  subject: Buffer;
  consentTextKey: number;
  origin: ConsentOrigin;
  petitionKey?: number | null;
  source?: string | null;
  locale?: string | null;
  externalId?: string | null;
  evidence?: Evidence | null;
};

/**
 * Makes a subscription active, whatever its status, and records the consent. Call it only with a fresh consent that the
 * mailbox has confirmed or an organization vouches for.
 */
export async function activateSubscription(ctx: Context, tx: Tx, grant: Grant): Promise<Subscription> {
  const { subscriptions: t } = tx.tables;
  const { organizationKey, supporterKey, subject, consentTextKey, origin, petitionKey, source, evidence } =
    grant;
  const { key, status } = await ensureSubscription(ctx, tx, grant);
  const active = requireWritten(
    await tx.db
      .update(t)
      .set({ status: 'active', endedAt: null, ...(status === 'active' ? {} : { activeSince: tx.now }) })
      .where(and(eq(t.key, key), eq(t.status, status)))
      .returning(),
  );
  await recordConsent(ctx, tx, {
    organizationKey,
    supporterKey,
    subject,
    consentTextKey,
    origin,
    petitionKey: petitionKey ?? null,
    source: source ?? null,
    evidence: evidence ?? null,
    action: 'granted',
  });
  return active;
}

export type Ending = {
  status: 'unsubscribed' | 'suppressed';
  action: 'withdrawn' | 'suppressed';
  origin: ConsentOrigin;
  subject: Buffer;
  source?: string | null;
};

/** The statuses that each ending applies to: a suppression replaces an unsubscription, but not the other way round. */
const ENDABLE: Record<Ending['status'], SubscriptionStatus[]> = {
  unsubscribed: ['pending', 'active'],
  suppressed: ['pending', 'active', 'unsubscribed'],
};

/** Ends a subscription and records why. Returns whether that changed anything. */
export async function endSubscription(
  ctx: Context,
  tx: Tx,
  subscription: Pick<Subscription, 'key' | 'organizationKey' | 'supporterKey'>,
  { status, action, origin, subject, source = null }: Ending,
): Promise<boolean> {
  const { subscriptions: t } = tx.tables;
  const { key, organizationKey, supporterKey } = subscription;
  const ended = await tx.db
    .update(t)
    .set({ status, endedAt: tx.now })
    .where(and(eq(t.key, key), inArray(t.status, ENDABLE[status])))
    .returning({ key: t.key });
  if (ended.length === 0) return false;
  await recordConsent(ctx, tx, { organizationKey, supporterKey, subject, action, origin, source });
  return true;
}
