import { and, asc, eq, inArray, isNull } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { ModerationAction } from '../../../schema/db/tables/signatures.js';
import { SIGNATURE_STATUSES, type SignatureStatus } from '../../../schema/db/tables/signatures.js';
import { ApiError, type ErrorCode } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { beginToCount, signerIsKnown } from '../counts/counting-once.js';
import { changeCounts, countedColumns, type Counted } from '../counts/counts.js';
import { once, type Retry } from '../idempotency.js';
import { unlessOvertaken } from '../overtaken.js';
import { askReleased } from './held-requests.js';
import type { SignatureView } from './signature-views.js';
import { accessOf, findOwnSignature } from './signatures.js';

/* What an organiser does with signatures: for one of them here, for many in bulk-moderations.ts. */

/** What moderating needs to know of a signature. */
type Moderated = Counted & {
  key: number;
  supporterKey: number | null;
  status: SignatureStatus;
  /** Null: its signer is not known any more. */
  identity: string | null;
  confirmation: Tables['petitions']['$inferSelect']['confirmation'];
};

type Rule = {
  from: readonly SignatureStatus[];
  /** It may begin to count by it: so its signer has to be known. */
  counts?: true;
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
  restore: { from: ['invalidated'], counts: true, refusal: () => 'not_invalidated', to: asItWas },
  release: {
    from: ['quarantined'],
    counts: true,
    refusal: () => 'not_quarantined',
    to: unsuspected,
  },
  refuse: { from: ['quarantined'], refusal: () => 'not_quarantined', to: invalidated },
  quarantine: {
    from: ['pending', 'confirmed'],
    refusal: (status) =>
      status === 'withdrawn'
        ? 'signature_withdrawn'
        : status === 'invalidated'
          ? 'already_invalidated'
          : 'already_quarantined',
    to: () => Promise.resolve(() => 'quarantined' as const),
  },
};

/** What each was before it was taken out. */
async function asItWas(tx: Tx, rows: readonly Moderated[]): Promise<(row: Moderated) => SignatureStatus> {
  const before = await statusesBefore(tx, rows, 'invalidated', SIGNATURE_STATUSES);
  return ({ key, confirmedAt }) => answered(before.get(key) ?? 'pending', confirmedAt);
}

/** What each was before an organiser quarantined it, or would have been from the beginning. */
async function unsuspected(tx: Tx, rows: readonly Moderated[]): Promise<(row: Moderated) => SignatureStatus> {
  const before = await statusesBefore(tx, rows, 'quarantined', RULES.quarantine.from);
  return ({ key, confirmation, confirmedAt }) =>
    answered(before.get(key) ?? (confirmation === 'none' ? 'confirmed' : 'pending'), confirmedAt);
}

/** Its mailbox may have confirmed it meanwhile. */
const answered = (status: SignatureStatus, confirmedAt: Date | null): SignatureStatus =>
  status === 'pending' && confirmedAt !== null ? 'confirmed' : status;

/** What each was when an organiser last made it `to`, of what it may have been then. */
async function statusesBefore(
  tx: Tx,
  rows: readonly Moderated[],
  to: SignatureStatus,
  from: readonly SignatureStatus[],
): Promise<Map<number, SignatureStatus>> {
  const { moderations: t } = tx.tables;
  const found = await tx.db
    .select({ signatureKey: t.signatureKey, fromStatus: t.fromStatus })
    .from(t)
    .where(
      and(
        inArray(
          t.signatureKey,
          rows.map(({ key }) => key),
        ),
        eq(t.toStatus, to),
        inArray(t.fromStatus, [...from]),
      ),
    )
    .orderBy(asc(t.key));
  // The latest holds.
  return new Map(found.map(({ signatureKey, fromStatus }) => [signatureKey, fromStatus]));
}

export type Verdict = { action: ModerationAction; reason: string };

/**
 * Moderates one signature of a petition of the actor's organization. Throws `signature_not_found`; for `invalidate`
 * `already_invalidated`, `signature_withdrawn`; for `restore` `not_invalidated`; for `release` and `refuse`
 * `not_quarantined`; for `quarantine` `already_quarantined`, `already_invalidated`, `signature_withdrawn`; for `restore`
 * and `release` `signer_forgotten`.
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
      const { from, counts, refusal } = RULES[verdict.action];
      if (!from.includes(status)) throw new ApiError(refusal(status));
      if (counts && !(await isSignerKnown(tx, key))) throw new ApiError('signer_forgotten', FORGOTTEN);
      unlessOvertaken(await moderate(ctx, tx, actor, [key], verdict));
      return findOwnSignature(tx, actor, publicId);
    }),
  );
  ctx.mailWaits();
  if (after.status === 'confirmed') await ctx.milestones.settle(after.petitionKey, after.goals);
  const access = await accessOf(ctx, actor, after);
  if (!access) throw new ApiError('signature_not_found');
  return access.show(after);
}

const FORGOTTEN = {
  detail:
    'Its signer was erased, or the petition is over: it could count beside a later one of the same person.',
};

async function isSignerKnown(tx: Tx, key: number): Promise<boolean> {
  const { signatures: t } = tx.tables;
  const found = await tx.db
    .select({ key: t.key })
    .from(t)
    .where(and(eq(t.key, key), signerIsKnown(tx)));
  return found.length > 0;
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
  const { from, counts } = RULES[action];
  const all = await readModerated(tx, keys, from);
  const rows = counts ? all.filter(({ identity }) => identity !== null) : all;
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
    .leftJoin(supporters, and(eq(supporters.key, t.supporterKey), isNull(supporters.erasedAt)))
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
  const moved = group
    .filter(({ key }) => after.has(key))
    .map((move) => ({ ...move, confirmedAt: after.get(move.key) ?? null }));
  if (to === 'confirmed') await count(ctx, tx, moved);
  else for (const move of moved) changeCounts(tx, move, status, to);
  return moved;
}

async function count(ctx: Context, tx: Tx, moved: readonly Move[]): Promise<void> {
  const beginnings = moved.flatMap((move) =>
    move.identity === null ? [] : { counted: move, from: move.status, identity: move.identity },
  );
  await beginToCount(ctx, tx, beginnings);
  const keys = moved.map(({ key }) => key);
  const { signatures: t } = tx.tables;
  const known = await tx.db
    .select({ key: t.key })
    .from(t)
    .where(and(inArray(t.key, keys), signerIsKnown(tx)));
  // A signer may have been erased since they were read.
  if (moved.length > 0) unlessOvertaken(known, moved.length);
}
