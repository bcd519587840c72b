import { and, eq, gt, inArray, ne, sql } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { MailingState } from '../../../schema/db/tables/mailings.js';
import type { RecipientState } from '../../../schema/db/tables/sending.js';
import type { Reader, Tx } from '../../store/store.js';
import { isEnding, isOpen } from '../mailings/mailing-indexes.js';

/* Which mailings have something to do, and what sending one needs to know of it. */

/** The states in which a mailing sends. While the winner of a test is awaited, only what is left of its group. */
export const SENDING_STATES = ['running', 'deciding'] as const satisfies MailingState[];

/** The states of recipients about whom something is still to be done. */
export const OPEN_STATES = ['queued', 'claimed', 'sending', 'deferred'] as const satisfies RecipientState[];

export type WorkLeft = {
  key: number;
  organizationKey: number;
  state: MailingState;
  open: Partial<Record<RecipientState, number>>;
};

/** The mailings that are being built or sent, and those that are not any more but have recipients to wind up. */
export async function workLeft(on: Reader): Promise<WorkLeft[]> {
  const { mailings: t, mailingTallies: tallies } = on.tables;
  const rows = await on.db
    .select({
      key: t.key,
      organizationKey: t.organizationKey,
      state: t.state,
      of: tallies.state,
      recipients: sql<number>`sum(${tallies.recipients})`,
    })
    .from(t)
    .leftJoin(
      tallies,
      and(eq(tallies.mailingKey, t.key), inArray(tallies.state, [...OPEN_STATES]), gt(tallies.recipients, 0)),
    )
    .where(inArray(t.key, keysAtWork(on)))
    .groupBy(t.key, t.organizationKey, t.state, tallies.state)
    .orderBy(t.key);
  const found = new Map<number, WorkLeft>();
  for (const { key, organizationKey, state, of, recipients } of rows) {
    const one = found.get(key) ?? { key, organizationKey, state, open: {} };
    if (of !== null) one.open[of] = Number(recipients);
    found.set(key, one);
  }
  return [...found.values()].filter(({ state, open }) => isAtWork(state) || Object.keys(open).length > 0);
}

/** Whether any mailing is scheduled, under way, or paused, or has recipients to wind up: something for a sender. */
export async function isAnythingOpen({ db, tables }: Reader): Promise<boolean> {
  const { mailings: t } = tables;
  const open = db.select({ key: t.key }).from(t).where(isOpen(tables)).limit(1);
  if ((await open).length > 0) return true;
  return (await db.select({ key: t.key }).from(t).where(isEnding(tables)).limit(1)).length > 0;
}

/** By the two small indexes, and not through all mailings that there ever were: senders ask several times a second. */
const keysAtWork = ({ db, tables }: Reader) => {
  const { mailings: t } = tables;
  const open = db
    .select({ key: t.key })
    .from(t)
    .where(and(isOpen(tables), ne(t.state, 'scheduled')));
  return open.unionAll(db.select({ key: t.key }).from(t).where(isEnding(tables)));
};

const isAtWork = (state: MailingState): boolean =>
  state === 'building' || state === 'running' || state === 'deciding';

export type SentVariant = Pick<
  Tables['mailingVariants']['$inferSelect'],
  'key' | 'publicId' | 'handle' | 'frozen'
> & {
  /** The code of its link to the petition; null: it has none that counts clicks. */
  petitionCode: string | null;
};

/** What is the same for all mails of a mailing. Fixed at its start. */
export type SentMailing = {
  key: number;
  publicId: string;
  source: string | null;
  petition: { slug: string; pageUrl: string | null } | null;
  organization: {
    key: number;
    publicId: string;
    slug: string;
    name: string;
    /** A test organization: every mail goes to the mailbox that it names. */
    isTest: boolean;
  };
  variants: Map<number, SentVariant>;
};

export async function readMailing(on: Reader, mailingKey: number): Promise<SentMailing | undefined> {
  const { mailings: t, organizations, petitions, mailingVariants, mailingLinks } = on.tables;
  const [row] = await on.db
    .select({ mailing: t, organization: organizations, slug: petitions.slug, pageUrl: petitions.pageUrl })
    .from(t)
    .innerJoin(organizations, eq(organizations.key, t.organizationKey))
    .leftJoin(petitions, eq(petitions.key, t.petitionKey))
    .where(eq(t.key, mailingKey));
  if (!row) return undefined;
  const variants = await on.db
    .select()
    .from(mailingVariants)
    .where(eq(mailingVariants.mailingKey, mailingKey));
  const codes = await on.db
    .select({ variantKey: mailingLinks.variantKey, code: mailingLinks.code })
    .from(mailingLinks)
    .where(and(eq(mailingLinks.mailingKey, mailingKey), sql`${mailingLinks.url} is null`));
  const codeOf = new Map(codes.map(({ variantKey, code }) => [variantKey, code]));
  const { mailing, organization, slug, pageUrl } = row;
  return {
    key: mailingKey,
    publicId: mailing.publicId,
    source: mailing.source,
    petition: slug === null ? null : { slug, pageUrl },
    organization: { ...organization, isTest: organization.testOf !== null },
    variants: new Map(
      variants.map((variant) => [
        variant.key,
        { ...variant, petitionCode: mailing.countClicks === 1 ? (codeOf.get(variant.key) ?? null) : null },
      ]),
    ),
  };
}

export type Permit = { state: 'running' | 'deciding'; winnerKey: number | null; claims: number };

/**
 * Takes the mailing for this transaction, and counts it: `claims` grows whenever recipients are about to be claimed or
 * sent to. Undefined: it does not send at the moment. Only one transaction at a time is behind it.
 */
export async function takeMailing(tx: Tx, mailingKey: number): Promise<Permit | undefined> {
  const { mailings: t } = tx.tables;
  const [row] = await tx.db
    .update(t)
    .set({ claims: sql`${t.claims} + 1` })
    .where(and(eq(t.key, mailingKey), inArray(t.state, [...SENDING_STATES])))
    .returning({ state: t.state, winnerKey: t.winnerKey, claims: t.claims });
  return row as Permit | undefined;
}

/** Pauses a mailing whose frozen text cannot be used. */
export async function pauseUnusable(tx: Tx, mailingKey: number): Promise<void> {
  const { mailings: t } = tx.tables;
  await tx.db
    .update(t)
    .set({ state: 'paused', pausedFrom: sql`${t.state}`, pauseReason: 'content_unusable', updatedAt: tx.now })
    .where(and(eq(t.key, mailingKey), inArray(t.state, [...SENDING_STATES])));
}

/**
 * A restored backup: the journal knows of more than the database. The mailing pauses; the organiser looks, and resumes
 * it, after which the number is right again.
 */
export async function pauseRestored(tx: Tx, mailingKey: number, claims: number): Promise<boolean> {
  const { mailings: t } = tx.tables;
  const paused = await tx.db
    .update(t)
    .set({
      state: 'paused',
      pausedFrom: sql`${t.state}`,
      pauseReason: 'backup_restored',
      claims,
      updatedAt: tx.now,
    })
    .where(and(eq(t.key, mailingKey), inArray(t.state, [...SENDING_STATES])))
    .returning({ key: t.key });
  return paused.length > 0;
}
