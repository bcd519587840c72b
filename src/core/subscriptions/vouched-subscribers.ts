import { and, eq, inArray } from 'drizzle-orm';
import type { ConsentOrigin, Evidence } from '../../../schema/db/tables/subscriptions.js';
import { invalidBody } from '../../errors.js';
import { RunAgain, type Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import type { EmailAddress } from '../email.js';
import { HANDLE_BYTES } from '../links/signed-tokens.js';
import { requireWritten } from '../overtaken.js';
import type { ConsentText } from './consent-texts.js';
import { recordConsents } from './consents.js';
import type { Subscription } from './subscriptions.js';

/*
 * Subscribers whose consent was given elsewhere: an organization sends evidence, and they are active at once. Any
 * number of rows takes the same few statements, since on SQLite all other writers wait for them.
 */

export type VouchedRow = {
  email: EmailAddress;
  /** The keyed hash of the supporter's identity. */
  subject: Buffer;
  locale: string | null;
  source: string | null;
  externalId: string | null;
};

export type Voucher = { text: ConsentText; evidence: Evidence; origin: ConsentOrigin };

/** What became of a row. For the last two nothing was written. */
export type Vouched = 'created' | 'activated' | 'unchanged' | 'do_not_contact' | 'consent_required';

/** Throws `invalid_body` for a consent with a future date: it would outweigh any later unsubscription. */
export function assertCollected({ collected_at: at }: Evidence, now: Date): void {
  if (at == null || new Date(at) <= now) return;
  const detail = 'It lies in the future: send when the consent was given.';
  throw invalidBody({ pointer: '/evidence/collected_at', code: 'future', detail });
}

type Known = VouchedRow & { supporterKey: number; before: Subscription | undefined };

/**
 * Makes the subscriptions of these people active, and records their consent. A subscription that has ended becomes
 * active only if the consent is later than its end. An active one stays as it is; if the text is new to it, the consent
 * is recorded. No two rows may have the same identity.
 */
export async function vouchFor(
  ctx: Context,
  tx: Tx,
  voucher: Voucher,
  rows: readonly VouchedRow[],
): Promise<Vouched[]> {
  const known = await knownOf(ctx, tx, voucher, rows);
  const blocked = await blockedOf(
    tx,
    known.filter(({ before }) => before?.status === 'suppressed'),
  );
  const outcomes = new Map(
    known.map((row) => [
      row.email.identity,
      blocked.has(row.subject.toString('base64'))
        ? ('do_not_contact' as const)
        : outcomeOf(row.before, voucher),
    ]),
  );
  const having = (outcome: Vouched) => known.filter((row) => outcomes.get(row.email.identity) === outcome);
  await insertActive(ctx, tx, voucher, having('created'));
  await activate(tx, having('activated'));
  await updateExternalIds(tx, [...having('activated'), ...having('unchanged')]);
  const agreed = [
    ...having('created'),
    ...having('activated'),
    ...(await withoutGrant(tx, voucher, having('unchanged'))),
  ];
  await recordGrants(ctx, tx, voucher, agreed);
  return rows.map(({ email }) => outcomes.get(email.identity) as Vouched);
}

function outcomeOf(before: Subscription | undefined, { evidence }: Voucher): Vouched {
  if (!before) return 'created';
  if (before.status === 'active') return 'unchanged';
  if (before.status === 'pending') return 'activated';
  const { endedAt } = before;
  const { collected_at: at } = evidence;
  return endedAt && at != null && new Date(at) > endedAt ? 'activated' : 'consent_required';
}

/**
 * The rows that must not be mailed. Pass only subscriptions that the organization knows to be suppressed: it must not
 * learn that an address refused mail of others. Those are never mailed anyway.
 */
async function blockedOf(tx: Tx, rows: readonly VouchedRow[]): Promise<Set<string>> {
  if (rows.length === 0) return new Set();
  const { doNotContact: t } = tx.tables;
  const subjects = rows.map(({ subject }) => subject);
  const found = await tx.db.select({ hash: t.hash }).from(t).where(inArray(t.hash, subjects));
  return new Set(found.map(({ hash }) => hash.toString('base64')));
}

/** The supporters of the rows, created where missing, with their subscriptions. */
async function knownOf(
  ctx: Context,
  tx: Tx,
  { text }: Voucher,
  rows: readonly VouchedRow[],
): Promise<Known[]> {
  if (rows.length === 0) return [];
  const { supporters, subscriptions } = tx.tables;
  // Sorted, so that two imports on PostgreSQL cannot deadlock.
  const people = rows.map(({ email }) => email).sort((a, b) => (a.identity < b.identity ? -1 : 1));
  await tx.db
    .insert(supporters)
    .values(people.map((email) => ({ ...email, publicId: ctx.newId('sup'), createdAt: tx.now })))
    .onConflictDoNothing();
  const found = await tx.db
    .select({ key: supporters.key, identity: supporters.identity })
    .from(supporters)
    .where(
      inArray(
        supporters.identity,
        people.map(({ identity }) => identity),
      ),
    );
  const keys = new Map(found.map(({ identity, key }) => [identity, key]));
  const theirs = await tx.db
    .select()
    .from(subscriptions)
    .where(
      and(
        eq(subscriptions.organizationKey, text.organizationKey),
        inArray(subscriptions.supporterKey, [...keys.values()]),
      ),
    );
  const before = new Map(theirs.map((row) => [row.supporterKey, row]));
  return rows.map((row) => {
    const supporterKey = keys.get(row.email.identity);
    // On PostgreSQL an erasure may have committed in between.
    if (supporterKey === undefined) throw new RunAgain();
    return { ...row, supporterKey, before: before.get(supporterKey) };
  });
}

async function insertActive(ctx: Context, tx: Tx, { text }: Voucher, rows: Known[]): Promise<void> {
  if (rows.length === 0) return;
  requireWritten(
    await tx.db
      .insert(tx.tables.subscriptions)
      .values(
        rows.map(({ supporterKey, locale, source, externalId }) => ({
          publicId: ctx.newId('sub'),
          organizationKey: text.organizationKey,
          supporterKey,
          status: 'active' as const,
          handle: ctx.random(HANDLE_BYTES),
          locale: locale ?? text.locale,
          source,
          externalId,
          createdAt: tx.now,
          activeSince: tx.now,
        })),
      )
      .onConflictDoNothing()
      .returning({ key: tx.tables.subscriptions.key }),
    rows.length,
  );
}

async function activate(tx: Tx, rows: Known[]): Promise<void> {
  const { subscriptions: t } = tx.tables;
  for (const status of ['pending', 'unsubscribed', 'suppressed'] as const) {
    const keys = rows.flatMap(({ before }) => (before?.status === status ? before.key : []));
    if (keys.length === 0) continue;
    requireWritten(
      await tx.db
        .update(t)
        .set({ status: 'active', activeSince: tx.now, endedAt: null })
        .where(and(inArray(t.key, keys), eq(t.status, status)))
        .returning({ key: t.key }),
      keys.length,
    );
  }
}

/** Updates the organization's external ids of subscriptions that existed before. */
async function updateExternalIds(tx: Tx, rows: Known[]): Promise<void> {
  const { subscriptions: t } = tx.tables;
  for (const { before, externalId } of rows) {
    if (!before || externalId === null || externalId === before.externalId) continue;
    await tx.db.update(t).set({ externalId }).where(eq(t.key, before.key));
  }
}

/** The rows whose supporters have not agreed to this text since they became active. */
async function withoutGrant(tx: Tx, { text }: Voucher, rows: Known[]): Promise<Known[]> {
  if (rows.length === 0) return [];
  const { consents: t } = tx.tables;
  const granted = await tx.db
    .select({ supporterKey: t.supporterKey, createdAt: t.createdAt })
    .from(t)
    .where(
      and(
        inArray(
          t.supporterKey,
          rows.map(({ supporterKey }) => supporterKey),
        ),
        eq(t.organizationKey, text.organizationKey),
        eq(t.consentTextKey, text.key),
        eq(t.action, 'granted'),
      ),
    );
  const latest = new Map<number | null, Date>();
  for (const { supporterKey, createdAt } of granted) {
    const known = latest.get(supporterKey);
    if (!known || createdAt > known) latest.set(supporterKey, createdAt);
  }
  return rows.filter(({ supporterKey, before }) => {
    const at = latest.get(supporterKey);
    return !at || (before?.activeSince ? at < before.activeSince : false);
  });
}

const recordGrants = (ctx: Context, tx: Tx, voucher: Voucher, rows: Known[]): Promise<void> =>
  recordConsents(
    ctx,
    tx,
    rows.map(({ supporterKey, subject, source }) => ({
      organizationKey: voucher.text.organizationKey,
      supporterKey,
      subject,
      action: 'granted',
      origin: voucher.origin,
      consentTextKey: voucher.text.key,
      source,
      evidence: voucher.evidence,
    })),
  );
