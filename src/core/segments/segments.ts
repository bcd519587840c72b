import { and, desc, eq, lt } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Clause } from '../../../schema/db/tables/segments.js';
import { ApiError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import { speaksFor, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { decodeCursor, pageOf, type Page, type PageRequest } from '../cursor.js';
import { once, type Retry } from '../idempotency.js';
import { requireWritten } from '../overtaken.js';
import { readClause } from './clauses.js';

/* Clauses that an organization keeps under a name. A mailing copies the clause: later changes do not reach it. */

export type Segment = Tables['segments']['$inferSelect'];
export type SegmentInput = { name: string; clause: Clause };

/** Keeps a clause. Throws `invalid_body`, `idempotency_key_reused`. */
export async function createSegment(
  ctx: Context,
  actor: KeyedActor,
  { name, clause }: SegmentInput,
  retry?: Retry,
): Promise<Segment> {
  const publicId = ctx.newId('seg');
  const { organizationKey } = actor;
  return ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const read = await readClause(tx, actor, clause, '/clause');
      const written = await tx.db
        .insert(tx.tables.segments)
        .values({ publicId, organizationKey, name, clause: read, createdAt: tx.now, updatedAt: tx.now })
        .returning();
      return requireWritten(written);
    }),
  );
}

/** A segment of the actor's organization. Throws `segment_not_found`. */
export async function getSegment(on: Reader, actor: KeyedActor, publicId: string): Promise<Segment> {
  const { segments: t } = on.tables;
  const [row] = await on.db.select().from(t).where(eq(t.publicId, publicId));
  if (!row || !speaksFor(actor, row.organizationKey)) throw new ApiError('segment_not_found');
  return row;
}

/** The segments of the actor's organization, latest first. Throws `invalid_cursor`. */
export async function listSegments(
  on: Reader,
  { organizationKey }: KeyedActor,
  { limit, cursor }: PageRequest,
): Promise<Page<Segment>> {
  const list = `segments:${organizationKey}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const { segments: t } = on.tables;
  const rows = await on.db
    .select()
    .from(t)
    .where(and(eq(t.organizationKey, organizationKey), before === undefined ? undefined : lt(t.key, before)))
    .orderBy(desc(t.key))
    .limit(limit + 1);
  return pageOf(list, rows, limit, (row) => [row.key]);
}

/**
 * Changes the name, or replaces the clause. `version` is the one that the caller has read; null: any. Throws
 * `segment_not_found`, `precondition_failed`, `invalid_body`.
 */
export const patchSegment = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  version: number | null,
  { name, clause }: { name?: string; clause?: Clause },
): Promise<Segment> =>
  ctx.store.transact(async (tx) => {
    const { segments: t } = tx.tables;
    const before = await getSegment(tx, actor, publicId);
    if (version !== null && version !== before.version) {
      throw new ApiError('precondition_failed', {
        detail: 'Read it again, apply your change to what is there now.',
      });
    }
    const written = await tx.db
      .update(t)
      .set({
        ...(name === undefined ? {} : { name }),
        ...(clause === undefined ? {} : { clause: await readClause(tx, actor, clause, '/clause') }),
        version: before.version + 1,
        updatedAt: tx.now,
      })
      .where(and(eq(t.key, before.key), eq(t.version, before.version)))
      .returning();
    return requireWritten(written);
  });

/** Deletes a segment; mailings keep their copies of it. Throws `segment_not_found`. */
export const deleteSegment = (ctx: Context, actor: KeyedActor, publicId: string): Promise<void> =>
  ctx.store.transact(async (tx) => {
    const { segments: t } = tx.tables;
    const { key } = await getSegment(tx, actor, publicId);
    await tx.db.delete(t).where(eq(t.key, key));
  });
