import { and, eq, sql } from 'drizzle-orm';
import { ApiError } from '../../errors.js';
import { bind, statement, type Reader, type Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import { standingOf } from '../brakes/key-isolations.js';
import type { Suspicion } from '../brakes/suspicion.js';

/*
 * Vouching for the petition of another organization makes its count move on one's own word: so it is a term of the
 * partnership, and held to a breaker. So many a day count at once; what comes beyond that waits in quarantine for the lead.
 */

/** What may be vouched for in this transaction. */
export type Allowance = {
  /** Null: it is one's own petition. */
  day: { partnershipKey: number; day: number } | null;
  /** How many signatures may still begin to count. Whoever lets some do so takes them off. */
  left: number;
  /** Why what comes beyond that is quarantined. */
  beyond: Suspicion;
};

const DAY_MS = 86_400_000;

export const dayOf = (instant: Date): number => Math.floor(instant.getTime() / DAY_MS);

const agreement = statement('partnership_vouching', ({ db, tables: { partnerships: t } }: Reader) =>
  db
    .select({ key: t.key, vouchLimit: t.vouchLimit })
    .from(t)
    .where(
      and(
        eq(t.petitionKey, bind(t.petitionKey, 'petitionKey')),
        eq(t.organizationKey, bind(t.organizationKey, 'organizationKey')),
        eq(t.status, 'accepted'),
      ),
    ),
);

type Petition = { key: number; organizationKey: number };
type Agreement = { key: number; vouchLimit: number };

/**
 * The terms under which an organization that takes part in a petition vouches for its signatures; null: it leads it.
 * Throws `vouching_not_agreed`.
 */
export async function findVouching(
  on: Reader,
  { organizationKey }: KeyedActor,
  petition: Petition,
): Promise<Agreement | null> {
  if (organizationKey === petition.organizationKey) return null;
  const [agreed] = await agreement(on, { petitionKey: petition.key, organizationKey });
  if (agreed?.vouchLimit == null) {
    throw new ApiError('vouching_not_agreed', {
      detail:
        'Send it without `vouched`, and the mailbox is asked; or let the lead end the partnership and invite you again with `may_vouch`.',
    });
  }
  return { key: agreed.key, vouchLimit: agreed.vouchLimit };
}

/** Asks what may be vouched for, and lets others of that partner wait until it has been used. Throws `vouching_not_agreed`. */
export async function allowanceOf(tx: Tx, actor: KeyedActor, petition: Petition): Promise<Allowance> {
  const agreed = await findVouching(tx, actor, petition);
  if (!agreed) return { day: null, left: Infinity, beyond: BEYOND_LIMIT };
  const today = { partnershipKey: agreed.key, day: dayOf(tx.now) };
  const { isolated } = await standingOf(tx, petition.key, actor.keyKey, tx.now);
  if (isolated) return { day: today, left: 0, beyond: ISOLATED };
  const { vouchedDays: t } = tx.tables;
  // Written for the lock that comes with it: on PostgreSQL two at once would both find the last place free.
  const [row] = await tx.db
    .insert(t)
    .values({ ...today, counted: 0, held: 0 })
    .onConflictDoUpdate({ target: [t.partnershipKey, t.day], set: { counted: sql`${t.counted}` } })
    .returning({ counted: t.counted });
  return { day: today, left: Math.max(0, agreed.vouchLimit - (row?.counted ?? 0)), beyond: BEYOND_LIMIT };
}

const BEYOND_LIMIT: Suspicion = { score: 100, signals: ['vouch_limit'] };
const ISOLATED: Suspicion = { score: 100, signals: ['isolated_key'] };

/** Notes what an allowance was used for. */
export async function noteVouched(
  tx: Tx,
  { day }: Allowance,
  { counted, held }: { counted: number; held: number },
): Promise<void> {
  if (!day || counted + held === 0) return;
  const { vouchedDays: t } = tx.tables;
  await tx.db
    .insert(t)
    .values({ ...day, counted, held })
    .onConflictDoUpdate({
      target: [t.partnershipKey, t.day],
      set: { counted: sql`${t.counted} + excluded.counted`, held: sql`${t.held} + excluded.held` },
    });
}
