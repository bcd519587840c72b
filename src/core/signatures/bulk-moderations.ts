import {
  and,
  asc,
  count,
  eq,
  gt,
  inArray,
  isNull,
  lte,
  notExists,
  notInArray,
  or,
  type SQL,
} from 'drizzle-orm';
import { ApiError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { stepsOf } from '../counts/milestones.js';
import { assertStillActive } from '../organization/api-keys.js';
import { conditionOf } from './moderation-filters.js';
import { openPreview, PREVIEW_LIFETIME_MS, type Preview } from './moderation-previews.js';
import { moderate } from './moderations.js';
import { accessTo, type Access } from './signature-access.js';

export type BulkModerated = {
  moderated: number;
  /** In the preview, but changed since: left alone. */
  skipped: number;
  /** In the preview, but not reached: the next call with the same token moderates them. */
  remaining: number;
};

/** Signatures per transaction, so that other writers get their turn. */
const AT_A_TIME = 500;
const MOST = 10_000;

/**
 * Moderates the signatures of a preview that have not changed since; newer ones are not touched. A repeat moves nothing
 * twice. Throws `preview_outdated`, `invalid_key`.
 */
export async function moderateMany(
  ctx: Context,
  actor: KeyedActor,
  token: string,
  reason: string,
): Promise<BulkModerated> {
  const preview = openPreview(ctx.brakes.previewKey, token);
  const access = preview && (await accessOf(ctx, actor, preview));
  if (!preview || !access) throw outdated();
  const { action, matched } = preview;
  const { keys, left } = await readUnchanged(ctx.store.read, access, preview);
  let moderated = 0;
  for (let i = 0; i < keys.length; i += AT_A_TIME) {
    const some = keys.slice(i, i + AT_A_TIME);
    moderated += await ctx.store.transact(async (tx) => {
      await assertStillActive(tx, actor);
      const { signatures: t } = tx.tables;
      const isStill = and(inArray(t.key, some), unchanged(tx, access, preview));
      const rows = await tx.db.select({ key: t.key }).from(t).where(isStill);
      const still = rows.map(({ key }) => key);
      return (await moderate(ctx, tx, actor, still, { action, reason })).length;
    });
    ctx.mailWaits();
  }
  if (moderated > 0) await settle(ctx, preview);
  const remaining = left - keys.length;
  return { moderated, skipped: Math.max(0, matched - moderated - remaining), remaining };
}

const outdated = () =>
  new ApiError('preview_outdated', { detail: 'A preview is valid for 30 minutes: make a new one.' });

/** Undefined for another organization's preview, and for one that has expired. */
async function accessOf(
  ctx: Context,
  actor: KeyedActor,
  { organizationKey, petitionKey, at }: Preview,
): Promise<Access | undefined> {
  if (organizationKey !== actor.organizationKey) return undefined;
  if (ctx.now().getTime() - at.getTime() >= PREVIEW_LIFETIME_MS) return undefined;
  return accessTo(ctx, ctx.store.read, actor, { key: petitionKey, organizationKey });
}

/** The condition for signatures that were in the preview and have not changed since. */
function unchanged(on: Reader, access: Access, preview: Preview): SQL | undefined {
  const { signatures: t, moderations } = on.tables;
  const { lastKey, lastModeration, at } = preview;
  const since = on.db
    .select({ key: moderations.key })
    .from(moderations)
    .where(and(eq(moderations.signatureKey, t.key), gt(moderations.key, lastModeration)));
  return and(
    conditionOf(on, access, preview),
    lte(t.key, lastKey),
    notExists(since),
    // Apart from organisers, only a confirmed mailbox can move a signature into a status that an action applies to.
    or(notInArray(t.status, ['confirmed', 'quarantined']), isNull(t.confirmedAt), lte(t.confirmedAt, at)),
  );
}

/** The keys of the first MOST of them, and how many there are in all. */
async function readUnchanged(
  on: Reader,
  access: Access,
  preview: Preview,
): Promise<{ keys: number[]; left: number }> {
  const { signatures: t } = on.tables;
  const isMeant = unchanged(on, access, preview);
  const rows = await on.db.select({ key: t.key }).from(t).where(isMeant).orderBy(asc(t.key)).limit(MOST);
  const keys = rows.map(({ key }) => key);
  if (keys.length < MOST) return { keys, left: keys.length };
  const [all] = await on.db.select({ left: count() }).from(t).where(isMeant);
  return { keys, left: Math.max(all?.left ?? 0, keys.length) };
}

async function settle(ctx: Context, { petitionKey }: Preview): Promise<void> {
  const { petitions: t } = ctx.store.tables;
  const [petition] = await ctx.store.read.db
    .select({ goals: t.goals, thresholdValues: t.thresholdValues })
    .from(t)
    .where(eq(t.key, petitionKey));
  if (petition) await ctx.milestones.settle(petitionKey, stepsOf(petition));
}
