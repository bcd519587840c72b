import { and, desc, eq, gte, inArray, lt, type SQL } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { SUBSCRIPTION_STATUSES, type SubscriptionStatus } from '../../../schema/db/tables/subscriptions.js';
import { ApiError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import { speaksFor, worldOf, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { behind, decodeCursor, keysOfRuns, pageOf, type Page } from '../cursor.js';
import type { PageRequest } from '../cursor.js';
import type { World } from '../email.js';
import { once, type Retry } from '../idempotency.js';
import { findSupporter } from '../supporters/supporters.js';
import { hashOfWords, provable } from './consents.js';
import { endSubscription } from './subscriptions.js';

/* An organization's subscriptions, as the organization sees them. */

const viewColumns = ({ subscriptions: t, supporters, contacts }: Tables) => ({
  key: t.key,
  publicId: t.publicId,
  organizationKey: t.organizationKey,
  supporterKey: t.supporterKey,
  supporterId: supporters.publicId,
  identity: supporters.identity,
  email: supporters.delivery,
  status: t.status,
  frequency: t.frequency,
  locale: t.locale,
  source: t.source,
  externalId: t.externalId,
  createdAt: t.createdAt,
  activeSince: t.activeSince,
  endedAt: t.endedAt,
  contact: contacts,
});

const selectViews = ({ db, tables }: Reader) =>
  db
    .select(viewColumns(tables))
    .from(tables.subscriptions)
    .innerJoin(tables.supporters, eq(tables.supporters.key, tables.subscriptions.supporterKey))
    .leftJoin(
      tables.contacts,
      and(
        eq(tables.contacts.organizationKey, tables.subscriptions.organizationKey),
        eq(tables.contacts.supporterKey, tables.subscriptions.supporterKey),
      ),
    );

export type SubscriptionView = Awaited<ReturnType<typeof selectViews>>[number];

export type SubscriptionFilter = {
  statuses?: readonly SubscriptionStatus[] | undefined;
  email?: string | undefined;
  externalId?: string | undefined;
  source?: string | undefined;
  createdFrom?: Date | undefined;
  createdBefore?: Date | undefined;
};

/** The subscriptions to the actor's organization. Throws `invalid_cursor`. */
export async function listSubscriptions(
  on: Reader,
  actor: KeyedActor,
  filter: SubscriptionFilter,
  { limit, cursor, oldestFirst }: PageRequest & { oldestFirst: boolean },
): Promise<Page<SubscriptionView>> {
  const { organizationKey } = actor;
  const { subscriptions: t } = on.tables;
  const list = `subscriptions:${organizationKey}:${oldestFirst}`;
  const [edge] = decodeCursor(list, cursor, [0]) ?? [];
  const conditions = await conditionsOf(on, filter, worldOf(actor));
  if (!conditions) return { items: [], nextCursor: null };
  const { order, beyond } = behind(t.key, edge, oldestFirst);
  const keys = await keysOfRuns(filter.statuses ?? SUBSCRIPTION_STATUSES, (status) =>
    on.db
      .select({ key: t.key })
      .from(t)
      .where(and(eq(t.organizationKey, organizationKey), eq(t.status, status), beyond, ...conditions))
      .orderBy(order)
      .limit(limit + 1),
  );
  const rows = await selectViews(on)
    .where(inArray(t.key, keys))
    .orderBy(order)
    .limit(limit + 1);
  return pageOf(list, rows, limit, (row) => [row.key]);
}

/** The conditions for the filters, except organization and status; undefined if nothing can match. */
async function conditionsOf(
  on: Reader,
  filter: SubscriptionFilter,
  world: World,
): Promise<(SQL | undefined)[] | undefined> {
  const { subscriptions: t } = on.tables;
  const conditions: (SQL | undefined)[] = [
    filter.source === undefined ? undefined : eq(t.source, filter.source),
    filter.externalId === undefined ? undefined : eq(t.externalId, filter.externalId),
    filter.createdFrom && gte(t.createdAt, filter.createdFrom),
    filter.createdBefore && lt(t.createdAt, filter.createdBefore),
  ];
  if (filter.email === undefined) return conditions;
  const supporter = await findSupporter(on, world, filter.email);
  return supporter && [...conditions, eq(t.supporterKey, supporter.key)];
}

/** One subscription to the actor's organization. Throws `subscription_not_found`. */
export async function getSubscription(
  on: Reader,
  actor: KeyedActor,
  publicId: string,
): Promise<SubscriptionView> {
  const [row] = await selectViews(on).where(eq(on.tables.subscriptions.publicId, publicId));
  if (!row || !speaksFor(actor, row.organizationKey)) throw new ApiError('subscription_not_found');
  return row;
}

/** The subscription of a supporter who must have one. */
export async function readSubscription(
  on: Reader,
  { organizationKey, supporterKey }: Pick<SubscriptionView, 'organizationKey' | 'supporterKey'>,
): Promise<SubscriptionView> {
  const { subscriptions: t } = on.tables;
  const isTheirs = and(eq(t.organizationKey, organizationKey), eq(t.supporterKey, supporterKey));
  const [row] = await selectViews(on).where(isTheirs);
  if (!row) throw new Error('a subscription that was just written is not there');
  return row;
}

const MOST_CONSENTS = 100;

const selectConsents = ({ db, tables: { consents: t, consentTexts, petitions } }: Reader) =>
  db
    .select({
      record: t,
      petitionId: petitions.publicId,
      text: {
        publicId: consentTexts.publicId,
        version: consentTexts.version,
        locale: consentTexts.locale,
        hash: consentTexts.hash,
        words: consentTexts.text,
      },
    })
    .from(t)
    .leftJoin(consentTexts, eq(consentTexts.key, t.consentTextKey))
    .leftJoin(petitions, eq(petitions.key, t.petitionKey));

export type ConsentView = Awaited<ReturnType<typeof selectConsents>>[number] & { proofValid: boolean };

/** The consent records of a subscription, latest first, each checked against its proof. */
export async function listConsents(
  ctx: Context,
  { organizationKey, supporterKey }: Pick<SubscriptionView, 'organizationKey' | 'supporterKey'>,
): Promise<ConsentView[]> {
  const { consents: t } = ctx.store.tables;
  const rows = await selectConsents(ctx.store.read)
    .where(and(eq(t.supporterKey, supporterKey), eq(t.organizationKey, organizationKey)))
    .orderBy(desc(t.key))
    .limit(MOST_CONSENTS);
  return rows.map((row) => {
    const { publicId, createdAt, proof, ...event } = row.record;
    const words = row.text && hashOfWords(row.text.words);
    const proven = ctx.secrets.proof(provable(publicId, event, words, createdAt));
    return { ...row, proofValid: proven.equals(proof) };
  });
}

/**
 * Ends a subscription on behalf of its organization, which gives a reason. One that has ended stays as it is. Throws
 * `subscription_not_found`, `idempotency_key_reused`.
 */
export const endOwnSubscription = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  reason: string,
  retry?: Retry,
): Promise<SubscriptionView> =>
  ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const before = await getSubscription(tx, actor, publicId);
      await endSubscription(ctx, tx, before, {
        status: 'unsubscribed',
        action: 'withdrawn',
        origin: 'organiser',
        subject: ctx.secrets.subject(before.identity),
        source: reason,
      });
      return getSubscription(tx, actor, publicId);
    }),
  );
