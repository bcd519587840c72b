import { and, asc, eq, inArray, isNull } from 'drizzle-orm';
import type { ModerationAction } from '../../schema/db/brake-tables.js';
import type { SignatureStatus, Tables } from '../../schema/db/tables.js';
import { ApiError, type ErrorCode } from '../errors.js';
import { RunAgain, type Tx } from '../store/store.js';
import type { Context, KeyedActor } from './context.js';
import { changeCounts, countedColumns, type Counted } from './counts.js';
import { askReleased } from './held-requests.js';
import { once, type Retry } from './idempotency.js';
import { accessOf, findOwnSignature, type SignatureView } from './signatures.js';
import { supersedeTombstone } from './tombstones.js';

/* What an organiser does with signatures: for one of them here, for many in bulk-moderations.ts. */

/** What moderating needs to know of a signature. */
type Moderated = Counted & {
  key: number;
  supporterKey: number | null;
  status: SignatureStatus;
  identity: string | null;
  confirmation: Tables['petitions']['$inferSelect']['confirmation'];
};

type Rule = {
  from: readonly SignatureStatus[];
  refusal: (status: SignatureStatus) => ErrorCode;
  to: (tx: Tx, rows: readonly Moderated[]) => Promise<(row: Moderated) => SignatureStatus>;
};

const invalidated = () => Promise.resolve(() => 'invalidated' as const);

export const RULES: Record<ModerationAction, Rule> = {
  invalidate: {
    from: ['pending', 'confirmed', 'quarantined'],
    refusal: (status) => (status === 'withdrawn' ? 'signature_withdrawn' : 'already_invalidated'),
    to: invalidated,
  },
  restore: { from: ['invalidated'], refusal: () => 'not_invalidated', to: asItWas },
  release: {
    from: ['quarantined'],
    refusal: () => 'not_quarantined',
    to: () =>
      Promise.resolve(({ confirmation, confirmedAt }) =>
        confirmation === 'none' || confirmedAt !== null ? 'confirmed' : 'pending',
      ),
  },
  refuse: { from: ['quarantined'], refusal: () => 'not_quarantined', to: invalidated },
};

/** What each was before it was taken out. */
async function asItWas(tx: Tx, rows: readonly Moderated[]): Promise<(row: Moderated) => SignatureStatus> {
  const { moderations: t } = tx.tables;
  const keys = rows.map(({ key }) => key);
  const found = await tx.db
    .select({ signatureKey: t.signatureKey, fromStatus: t.fromStatus })
    .from(t)
    .where(and(inArray(t.signatureKey, keys), eq(t.toStatus, 'invalidated')))
    .orderBy(asc(t.key));
  // The latest holds.
  const before = new Map(found.map(({ signatureKey, fromStatus }) => [signatureKey, fromStatus]));
  return ({ key, confirmedAt }) => {
    const status = before.get(key) ?? 'pending';
    // Its mailbox may have confirmed it while it was out.
    return status === 'pending' && confirmedAt !== null ? 'confirmed' : status;
  };
}

export type Verdict = { action: ModerationAction; reason: string };

/**
 * Moderates one signature of a petition of the actor's organization. Throws `signature_not_found`; for `invalidate`
 * `already_invalidated`, `signature_withdrawn`; for `restore` `not_invalidated`; for `release` and `refuse`
 * `not_quarantined`.
 */
export async function moderateSignature(
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  verdict: Verdict,
  retry?: Retry,
): Promise<SignatureView> {
  const after = await ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const { key, status } = await findOwnSignature(tx, actor, publicId);
      const { from, refusal } = RULES[verdict.action];
      if (!from.includes(status)) throw new ApiError(refusal(status));
      // Only on PostgreSQL, where another transaction may come between the read and the write.
      if ((await moderate(ctx, tx, actor, [key], verdict)).length === 0) throw new RunAgain();
      return findOwnSignature(tx, actor, publicId);
    }),
  );
  ctx.mailWaits();
  if (after.status === 'confirmed') await ctx.milestones.settle(after.petitionKey, after.goals);
  const access = await accessOf(ctx, actor, after);
  if (!access) throw new ApiError('signature_not_found');
  return access.show(after);
}

/**
 * Moves signatures with their reason, their counts, and the mails that they now need, in one transaction. Those that the
 * action is not for stay as they are. Returns the keys of those that were moved.
 */
export async function moderate(
  ctx: Context,
  tx: Tx,
  { keyKey: apiKeyKey }: KeyedActor,
  keys: readonly number[],
  { action, reason }: Verdict,
): Promise<number[]> {
  const rows = await readModerated(tx, keys, RULES[action].from);
  if (rows.length === 0) return [];
  const decide = await RULES[action].to(tx, rows);
  const moved: Move[] = [];
  for (const group of alike(rows.map((row) => ({ ...row, to: decide(row) })))) {
    moved.push(...(await write(ctx, tx, group)));
  }
  if (moved.length === 0) return [];
  await tx.db.insert(tx.tables.moderations).values(
    moved.map(({ key, status, to }) => ({
      signatureKey: key,
      fromStatus: status,
      toStatus: to,
      reason,
      apiKeyKey,
      createdAt: tx.now,
    })),
  );
  if (action === 'release') await askReleased(tx, moved);
  return moved.map(({ key }) => key);
}

const readModerated = (
  { db, tables }: Tx,
  keys: readonly number[],
  from: readonly SignatureStatus[],
): PromiseLike<Moderated[]> => {
  const { signatures: t, petitions, supporters } = tables;
  return db
    .select({
      key: t.key,
      supporterKey: t.supporterKey,
      status: t.status,
      ...countedColumns(tables),
      identity: supporters.identity,
      confirmation: petitions.confirmation,
    })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey))
    .leftJoin(supporters, eq(supporters.key, t.supporterKey))
    .where(and(inArray(t.key, [...keys]), inArray(t.status, [...from])))
    .orderBy(asc(t.key));
};

type Move = Moderated & { to: SignatureStatus };

/** Those that one statement can write. */
function alike(moves: readonly Move[]): Move[][] {
  const groups = new Map<string, Move[]>();
  for (const move of moves) {
    const name = `${move.status} ${move.to} ${move.confirmedAt === null}`;
    const group = groups.get(name);
    if (group) group.push(move);
    else groups.set(name, [move]);
  }
  return [...groups.values()];
}

async function write(ctx: Context, tx: Tx, group: Move[]): Promise<Move[]> {
  const [{ status, to, confirmedAt } = group[0] as Move] = group;
  const { signatures: t } = tx.tables;
  const unproven = confirmedAt === null;
  const keys = group.map(({ key }) => key);
  const written = await tx.db
    .update(t)
    .set({ status: to, ...(unproven && to === 'confirmed' ? { confirmedAt: tx.now } : {}) })
    // On PostgreSQL, as they were read: a mailbox that says yes meanwhile changes what they become.
    .where(and(inArray(t.key, keys), eq(t.status, status), unproven ? isNull(t.confirmedAt) : undefined))
    .returning({ key: t.key, confirmedAt: t.confirmedAt });
  const after = new Map(written.map((row) => [row.key, row.confirmedAt]));
  const moved = group.filter(({ key }) => after.has(key));
  for (const move of moved) {
    changeCounts(tx, { ...move, confirmedAt: after.get(move.key) ?? null }, status, to);
    if (to === 'confirmed' && move.identity !== null) {
      await supersedeTombstone(ctx, tx, move.petitionKey, move.identity);
    }
  }
  return moved;
}
