import { and, eq, sql } from 'drizzle-orm';
import { ApiError } from '../../errors.js';
import { bind, statement, type Reader, type Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import { standingOf } from '../brakes/key-isolations.js';
import type { Suspicion } from '../brakes/suspicion.js';
import { dayOf } from '../../time.js';

/*
 * Vouching for the signatures of another organization's petition lets a partner move its count unchecked. So the
 * partnership's terms must allow it, with a limit per day; signatures beyond the limit are quarantined for the lead.
 */

/** How much the actor may vouch for in this transaction. */
export type Allowance = {
  /** The row that `noteVouched` writes; null: the organization leads the petition. */
  day: { partnershipKey: number; day: number } | null;
  /** How many more signatures may count. The caller must subtract those that it lets count. */
  left: number;
  /** Why signatures beyond that are quarantined. */
  beyond: Suspicion;
};

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
 * The partnership under which an organization vouches for a petition's signatures; null: it leads the petition. Throws
 * `vouching_not_agreed`.
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

/**
 * Reads what may still be vouched for today, and locks it until the end of the transaction. Throws
 * `vouching_not_agreed`.
 */
export async function allowanceOf(tx: Tx, actor: KeyedActor, petition: Petition): Promise<Allowance> {
  const agreed = await findVouching(tx, actor, petition);
  if (!agreed) return { day: null, left: Infinity, beyond: BEYOND_LIMIT };
  const today = { partnershipKey: agreed.key, day: dayOf(tx.now) };
  const { isolated } = await standingOf(tx, petition.key, actor.keyKey, tx.now);
  if (isolated) return { day: today, left: 0, beyond: ISOLATED };
  const { vouchedDays: t } = tx.tables;
  // Written only to lock the row: on PostgreSQL two transactions would otherwise both see the last place free.
  const [row] = await tx.db
    .insert(t)
    .values({ ...today, counted: 0, held: 0 })
    .onConflictDoUpdate({ target: [t.partnershipKey, t.day], set: { counted: sql`${t.counted}` } })
    .returning({ counted: t.counted });
  return { day: today, left: Math.max(0, agreed.vouchLimit - (row?.counted ?? 0)), beyond: BEYOND_LIMIT };
}

const BEYOND_LIMIT: Suspicion = { score: 100, signals: ['vouch_limit'] };
const ISOLATED: Suspicion = { score: 100, signals: ['isolated_key'] };

/** Records how an allowance was used: how many signatures counted, and how many were quarantined. */
export async function noteVouched(
  tx: Tx,
  { day }: Pick<Allowance, 'day'>,
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

/**
 * Gives back what signatures used of an organization's daily limit, if the partnership that they were entered under still
 * exists. `entered`: when each of them was.
 */
export async function giveBack(
  tx: Tx,
  { petitionKey, organizationKey }: { petitionKey: number; organizationKey: number },
  entered: readonly Date[],
): Promise<void> {
  const { partnerships: t } = tx.tables;
  const isTheirs = and(eq(t.petitionKey, petitionKey), eq(t.organizationKey, organizationKey));
  const [agreed] = await tx.db
    .select({ key: t.key, since: t.answeredAt })
    .from(t)
    .where(and(isTheirs, eq(t.status, 'accepted')));
  if (!agreed?.since) return;
  const perDay = new Map<number, number>();
  for (const at of entered) {
    if (at >= agreed.since) perDay.set(dayOf(at), (perDay.get(dayOf(at)) ?? 0) + 1);
  }
  for (const [day, counted] of perDay) {
    await noteVouched(tx, { day: { partnershipKey: agreed.key, day } }, { counted: -counted, held: 0 });
  }
}
