import { and, asc, eq, inArray, isNull } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { ModerationAction } from '../../../schema/db/tables/signatures.js';
import { SIGNATURE_STATUSES, type SignatureStatus } from '../../../schema/db/tables/signatures.js';
import { ApiError, type ErrorCode } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { placedColumns } from '../counts/cells.js';
import { beginToCount, signerIsKnown } from '../counts/counting-once.js';
import { changeCounts, countedColumns, type Counted } from '../counts/counts.js';
import { stepsOf } from '../counts/milestones.js';
import { once, type Retry } from '../idempotency.js';
import { requireWritten } from '../overtaken.js';
import { askReleased } from './held-requests.js';
import type { SignatureView } from './signature-views.js';
import { accessOf, findOwnSignature } from './signatures.js';

/*
 * What an organiser does to signatures, with the rules of each action: single ones here, many in bulk-moderations.ts.
 */

/** The part of a signature that moderating needs. */
type Moderated = Counted & {
  key: number;
  supporterKey: number | null;
  status: SignatureStatus;
  /** Null: the signer is no longer known. */
  identity: string | null;
  confirmation: Tables['petitions']['$inferSelect']['confirmation'];
};

type Rule = {
  from: readonly SignatureStatus[];
  /** Set if the action may make a signature count, so that its signer must be known. */
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
  restore: {
    from: ['invalidated'],
    counts: true,
    refusal: () => 'not_invalidated',
    to: statusBeforeInvalidation,
  },
  release: {
    from: ['quarantined'],
    counts: true,
    refusal: () => 'not_quarantined',
    to: statusBeforeQuarantine,
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

/** The status of each before it was invalidated. */
async function statusBeforeInvalidation(
  tx: Tx,
  rows: readonly Moderated[],
): Promise<(row: Moderated) => SignatureStatus> {
  const before = await statusesBefore(tx, rows, 'invalidated', SIGNATURE_STATUSES);
  return ({ key, confirmedAt }) => withConfirmation(before.get(key) ?? 'pending', confirmedAt);
}

/**
 * The status of each before an organiser quarantined it; for one quarantined at signing, the status it would have got.
 */
async function statusBeforeQuarantine(
  tx: Tx,
  rows: readonly Moderated[],
): Promise<(row: Moderated) => SignatureStatus> {
  const before = await statusesBefore(tx, rows, 'quarantined', RULES.quarantine.from);
  return ({ key, confirmation, confirmedAt }) =>
    withConfirmation(before.get(key) ?? (confirmation === 'none' ? 'confirmed' : 'pending'), confirmedAt);
}

/** The status, or `confirmed` if the mailbox has confirmed meanwhile. */
const withConfirmation = (status: SignatureStatus, confirmedAt: Date | null): SignatureStatus =>
  status === 'pending' && confirmedAt !== null ? 'confirmed' : status;

/** The status that each had when an organiser last moved it to `to`, considering only moves from `from`. */
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
  // Later rows overwrite earlier ones, so the latest wins.
  return new Map(found.map(({ signatureKey, fromStatus }) => [signatureKey, fromStatus]));
}

export type Verdict = { action: ModerationAction; reason: string };

/**
 * Moderates one signature of a petition of the actor's organization. Throws `signature_not_found`,
 * `idempotency_key_reused`, and:
 * - `invalidate`: `already_invalidated`, `signature_withdrawn`;
 * - `restore`: `not_invalidated`, `signer_forgotten`;
 * - `release`: `not_quarantined`, `signer_forgotten`;
 * - `refuse`: `not_quarantined`;
 * - `quarantine`: `already_quarantined`, `already_invalidated`, `signature_withdrawn`.
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
      requireWritten(await moderate(ctx, tx, actor, [key], verdict));
      return findOwnSignature(tx, actor, publicId);
    }),
  );
  ctx.mailWaits();
  if (after.status === 'confirmed') await ctx.milestones.settle(after.petitionKey, stepsOf(after));
  const access = await accessOf(ctx, actor, after);
  if (!access) throw new ApiError('signature_not_found');
  return access.show(after);
}

const FORGOTTEN = {
  detail:
    'Its signer was erased or anonymised: it could count in addition to a later one of the same person.',
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
 * Moves signatures together with their reason, counts and mails, in one transaction. Signatures to which the action
 * does not apply are left alone. Returns the keys of the moved ones.
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

/** Groups moves that one statement can write. */
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
    // On PostgreSQL only as they were read: a mailbox that confirms meanwhile changes what they become.
    .where(and(inArray(t.key, keys), eq(t.status, status), unproven ? isNull(t.confirmedAt) : undefined))
    .returning({ key: t.key, confirmedAt: t.confirmedAt, ...placedColumns(t) });
  const after = new Map(written.map((row) => [row.key, row]));
  // With what they say now: their signers may have been erased since they were read.
  const moved = group
    .filter(({ key }) => after.has(key))
    .map((move) => ({ ...move, ...after.get(move.key) }));
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
  // A signer may have been erased since the rows were read.
  if (moved.length > 0) requireWritten(known, moved.length);
}
