import { aliasedTable, and, asc, desc, eq, inArray, lt, or } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { LeadSees, PartnershipMove, PartnershipStatus } from '../../../schema/db/tables/partners.js';
import { ApiError, invalidBody } from '../../errors.js';
import { memoized } from '../../store/memo.js';
import { bind, RunAgain, statement, type Reader, type Tx } from '../../store/store.js';
import { speaksFor, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { decodeCursor, pageOf, type Page } from '../cursor.js';
import type { PageRequest } from '../cursor.js';
import { once, type Retry } from '../idempotency.js';
import { findAnyHead, findHead, type PetitionHead } from '../petitions/petition-lookup.js';

/*
 * The coalition of a petition: the lead invites, the partner accepts the terms, either may end it. Whoever was invited
 * anew has another partnership: what was agreed before stays as it was, for what was collected under it.
 */

const acceptedPartners = statement('partners_accepted', ({ db, tables: { partnerships: t } }: Reader) =>
  db
    .select({ organizationKey: t.organizationKey })
    .from(t)
    .where(and(eq(t.petitionKey, bind(t.petitionKey, 'petitionKey')), eq(t.status, 'accepted')))
    .orderBy(asc(t.key)),
);

/** The organizations that have accepted to be partners of a petition, the oldest partnership first. */
export const partnerKeysOf = memoized(async (on: Reader, petitionKey: number): Promise<number[]> => {
  const rows = await acceptedPartners(on, { petitionKey });
  return rows.map((row) => row.organizationKey);
});

/**
 * A petition that the actor's organization leads or is a partner of, by any slug it ever had, even a draft or taken
 * down. Throws `petition_not_found`.
 */
export async function findSharedHead(on: Reader, actor: KeyedActor, ref: string): Promise<PetitionHead> {
  const petition = await findAnyHead(on, ref);
  if (petition && speaksFor(actor, petition.organizationKey)) return petition;
  const partners = petition && actor.kind === 'secret' ? await partnerKeysOf(on, petition.key) : [];
  if (!petition || !partners.includes(actor.organizationKey)) throw new ApiError('petition_not_found');
  return petition;
}

export type Group = Pick<Tables['organizations']['$inferSelect'], 'publicId' | 'slug' | 'name' | 'url'>;

export type PartnershipView = Tables['partnerships']['$inferSelect'] & {
  petition: { publicId: string; slug: string; title: string; organizationKey: number };
  lead: Group;
  partner: Group;
};

export const groupColumns = ({ publicId, slug, name, url }: Tables['organizations']) => ({
  publicId,
  slug,
  name,
  url,
});

const selectPartnerships = ({ db, tables: { partnerships: t, petitions, organizations } }: Reader) => {
  const leads = aliasedTable(organizations, 'leads');
  return db
    .select({
      key: t.key,
      publicId: t.publicId,
      petitionKey: t.petitionKey,
      organizationKey: t.organizationKey,
      status: t.status,
      leadSees: t.leadSees,
      vouchLimit: t.vouchLimit,
      invitedAt: t.invitedAt,
      answeredAt: t.answeredAt,
      endedAt: t.endedAt,
      reason: t.reason,
      petition: {
        publicId: petitions.publicId,
        slug: petitions.slug,
        title: petitions.title,
        organizationKey: petitions.organizationKey,
      },
      lead: groupColumns(leads),
      partner: groupColumns(organizations),
    })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey))
    .innerJoin(leads, eq(leads.key, petitions.organizationKey))
    .innerJoin(organizations, eq(organizations.key, t.organizationKey));
};

/** A partnership of the actor's organization, on either side. Throws `partnership_not_found`. */
export async function getPartnership(
  on: Reader,
  actor: KeyedActor,
  publicId: string,
): Promise<PartnershipView> {
  const [row] = await selectPartnerships(on).where(eq(on.tables.partnerships.publicId, publicId));
  if (!row || !sideOf(actor, row)) throw new ApiError('partnership_not_found');
  return row;
}

/** The partnerships in which the actor's organization is the partner, latest first. Throws `invalid_cursor`. */
export async function listPartnerships(
  on: Reader,
  { organizationKey }: KeyedActor,
  { status, limit, cursor }: PageRequest & { status?: PartnershipStatus | undefined },
): Promise<Page<PartnershipView>> {
  const list = `partnerships:${organizationKey}:${status ?? ''}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const { partnerships: t } = on.tables;
  const rows = await selectPartnerships(on)
    .where(
      and(
        eq(t.organizationKey, organizationKey),
        status && eq(t.status, status),
        before === undefined ? undefined : lt(t.key, before),
      ),
    )
    .orderBy(desc(t.key))
    .limit(limit + 1);
  return pageOf(list, rows, limit, (row) => [row.key]);
}

/** So many a day, where the lead says no other number. */
export const VOUCH_LIMIT = 1000;

export type Invitation = {
  organization: string;
  leadSees?: LeadSees | undefined;
  mayVouch?: boolean | undefined;
  /** How many signatures a day it may vouch for. */
  vouchLimit?: number | undefined;
};

/**
 * Offers an organization (its id or slug) to be a partner of the actor's petition.
 * Throws `organization_not_found`, `partnership_state` while an offer or a partnership is open, `invalid_body` for the
 * lead itself and for a limit of what it may not do, `idempotency_key_reused`, and what findHead throws.
 */
export async function invitePartner(
  ctx: Context,
  actor: KeyedActor,
  petitionRef: string,
  { organization: ref, leadSees = 'full', mayVouch = false, vouchLimit }: Invitation,
  retry?: Retry,
): Promise<PartnershipView> {
  if (vouchLimit !== undefined && !mayVouch) {
    const detail = 'It limits what it may vouch for: send it with may_vouch, or leave it out.';
    throw invalidBody({ pointer: '/vouch_limit', code: 'misplaced', detail });
  }
  const publicId = ctx.newId('ptn');
  return ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const petition = await findHead(tx, actor, petitionRef);
      if (!speaksFor(actor, petition.organizationKey)) throw new ApiError('petition_not_found');
      const { organizations, partnerships: t } = tx.tables;
      const [organization] = await tx.db
        .select({ key: organizations.key })
        .from(organizations)
        .where(or(eq(organizations.publicId, ref), eq(organizations.slug, ref)));
      if (!organization) throw new ApiError('organization_not_found');
      if (organization.key === petition.organizationKey) {
        const detail = 'Your organization leads the petition: invite another one.';
        throw invalidBody({ pointer: '/organization', code: 'lead', detail });
      }
      await assertNoneOpen(tx, petition.key, organization.key);
      const inserted = await tx.db
        .insert(t)
        .values({
          publicId,
          petitionKey: petition.key,
          organizationKey: organization.key,
          status: 'invited',
          leadSees,
          vouchLimit: mayVouch ? (vouchLimit ?? VOUCH_LIMIT) : null,
          invitedAt: tx.now,
        })
        .onConflictDoNothing()
        .returning({ key: t.key });
      // Only on PostgreSQL, where another transaction may have invited it meanwhile.
      if (inserted.length === 0) throw new RunAgain();
      return getPartnership(tx, actor, publicId);
    }),
  );
}

async function assertNoneOpen(tx: Tx, petitionKey: number, organizationKey: number): Promise<void> {
  const { partnerships: t } = tx.tables;
  const [open] = await tx.db
    .select({ status: t.status })
    .from(t)
    .where(
      and(
        eq(t.petitionKey, petitionKey),
        eq(t.organizationKey, organizationKey),
        inArray(t.status, ['invited', 'accepted']),
      ),
    );
  if (open) throw stateError('lead', open.status, 'To offer other terms, end it and invite again.');
}

type Side = 'lead' | 'partner';

const sideOf = (actor: KeyedActor, view: PartnershipView): Side | undefined =>
  speaksFor(actor, view.organizationKey)
    ? 'partner'
    : speaksFor(actor, view.petition.organizationKey)
      ? 'lead'
      : undefined;

/** Nothing follows on a refusal or an end but a new invitation. */
const MOVES: Record<PartnershipStatus, Record<Side, readonly PartnershipMove[]>> = {
  invited: { lead: ['end'], partner: ['accept', 'decline'] },
  accepted: { lead: ['end'], partner: ['end'] },
  declined: { lead: [], partner: [] },
  ended: { lead: [], partner: [] },
};

/** `partnership_state`, naming the moves that are allowed. */
function stateError(side: Side, status: PartnershipStatus, advice = ''): ApiError {
  const allowed = MOVES[status][side];
  const moves =
    allowed.length === 0
      ? `A partnership that is ${status} stays so: the lead may invite again.`
      : `The partnership is ${status}: you can ${allowed.join(' or ')} it.`;
  return new ApiError('partnership_state', {
    detail: advice ? `${moves} ${advice}` : moves,
    extra: { allowed: [...allowed] },
  });
}

/**
 * Accepts an invitation under the terms that were read. From then on keys of the partner collect signatures.
 * Throws `partnership_not_found`, `partnership_state`, also for terms that are not those of the invitation,
 * `idempotency_key_reused`.
 */
export const acceptPartnership = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  { leadSees }: { leadSees: LeadSees },
  retry?: Retry,
) =>
  move(ctx, actor, publicId, 'accept', retry, (before, now) => {
    if (before.leadSees !== leadSees) {
      const advice = `Its terms are that the lead sees ${before.leadSees}: read it again, and accept that.`;
      throw stateError('partner', before.status, advice);
    }
    return { status: 'accepted', answeredAt: now };
  });

/** Refuses an invitation. Throws `partnership_not_found`, `partnership_state`, `idempotency_key_reused`. */
export const declinePartnership = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  reason: string | null,
  retry?: Retry,
) =>
  move(ctx, actor, publicId, 'decline', retry, (_before, now) => ({
    status: 'declined',
    answeredAt: now,
    reason,
  }));

/**
 * Ends a partnership, or takes back an invitation: keys of the partner collect no more. Its terms hold on for what was
 * collected. Throws `partnership_not_found`, `partnership_state`, `idempotency_key_reused`.
 */
export const endPartnership = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  reason: string | null,
  retry?: Retry,
) => move(ctx, actor, publicId, 'end', retry, (_before, now) => ({ status: 'ended', endedAt: now, reason }));

type Changes = Partial<Tables['partnerships']['$inferSelect']>;

async function move(
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  to: PartnershipMove,
  retry: Retry | undefined,
  effectOf: (before: PartnershipView, now: Date) => Changes,
): Promise<PartnershipView> {
  return ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const before = await getPartnership(tx, actor, publicId);
      const side = sideOf(actor, before) ?? 'partner';
      if (!MOVES[before.status][side].includes(to)) throw stateError(side, before.status);
      const changes = effectOf(before, tx.now);
      const { partnerships: t } = tx.tables;
      tx.memo.clear();
      const moved = await tx.db
        .update(t)
        .set(changes)
        .where(and(eq(t.key, before.key), eq(t.status, before.status)))
        .returning({ key: t.key });
      // Only on PostgreSQL, where another transaction may come between the read and the write.
      if (moved.length === 0) throw new RunAgain();
      return { ...before, ...changes };
    }),
  );
}
