import { and, count, eq, inArray, isNull, or } from 'drizzle-orm';
import { MOST_PARTNERS, type LeadSees } from '../../../schema/db/tables/partners.js';
import { ApiError, invalidBody } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import { speaksFor, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { once, type Retry } from '../idempotency.js';
import { requireWritten } from '../overtaken.js';
import { findHead } from '../petitions/petition-lookup.js';
import { stateError } from './partnership-moves.js';
import { getPartnership, type PartnershipView } from './partnerships.js';

/** Vouched signatures per day, unless the lead sets another limit. */
export const VOUCH_LIMIT = 1000;

export type Invitation = {
  organization: string;
  leadSees?: LeadSees | undefined;
  mayVouch?: boolean | undefined;
  /** How many signatures per day the partner may vouch for. Only with `mayVouch`. */
  vouchLimit?: number | undefined;
};

/**
 * Invites an organization (by id or slug) as a partner of the actor's petition. Throws `organization_not_found`;
 * `partnership_state` while an invitation or a partnership is open; `too_many_partners`; `invalid_body` for the lead itself, and for a vouch
 * limit without `mayVouch`; `test_key`; `idempotency_key_reused`; and what `findHead` throws.
 */
export async function invitePartner(
  ctx: Context,
  actor: KeyedActor,
  petitionRef: string,
  { organization: ref, leadSees = 'full', mayVouch = false, vouchLimit }: Invitation,
  retry?: Retry,
): Promise<PartnershipView> {
  if (vouchLimit !== undefined && !mayVouch) {
    const detail = 'It needs may_vouch: send both, or leave it out.';
    throw invalidBody({ pointer: '/vouch_limit', code: 'misplaced', detail });
  }
  const publicId = ctx.newId('ptn');
  return ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const petition = await findHead(tx, actor, petitionRef);
      if (!speaksFor(actor, petition.organizationKey)) throw new ApiError('petition_not_found');
      const organization = await findInvited(tx, actor, petition, ref);
      await assertNoneOpen(tx, petition.key, organization.key);
      await assertRoom(tx, petition.key);
      requireWritten(
        await tx.db
          .insert(tx.tables.partnerships)
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
          .returning({ key: tx.tables.partnerships.key }),
      );
      return getPartnership(tx, actor, publicId);
    }),
  );
}

/** The real organization that is invited. Throws `test_key`, `organization_not_found`, `invalid_body`. */
async function findInvited(
  tx: Tx,
  actor: KeyedActor,
  petition: { organizationKey: number },
  ref: string,
): Promise<{ key: number }> {
  if (actor.test) {
    throw new ApiError('test_key', { detail: 'A test petition has no partners: invite them to a real one.' });
  }
  const { organizations: t } = tx.tables;
  const [organization] = await tx.db
    .select({ key: t.key })
    .from(t)
    .where(and(or(eq(t.publicId, ref), eq(t.slug, ref)), isNull(t.testOf)));
  if (!organization) throw new ApiError('organization_not_found');
  if (organization.key === petition.organizationKey) {
    const detail = 'Your organization leads the petition: invite another one.';
    throw invalidBody({ pointer: '/organization', code: 'lead', detail });
  }
  return organization;
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

/** The form asks for a consent of every partner, and an answer to all of them must fit into a request. */
async function assertRoom(tx: Tx, petitionKey: number): Promise<void> {
  const { partnerships: t } = tx.tables;
  const [open] = await tx.db
    .select({ partners: count() })
    .from(t)
    .where(and(eq(t.petitionKey, petitionKey), inArray(t.status, ['invited', 'accepted'])));
  if ((open?.partners ?? 0) < MOST_PARTNERS) return;
  throw new ApiError('too_many_partners', {
    detail: `A petition has at most ${MOST_PARTNERS} partners and open invitations: end one of them first.`,
  });
}
