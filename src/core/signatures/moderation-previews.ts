import { asc, count, max } from 'drizzle-orm';
import type { ModerationAction } from '../../../schema/db/tables/signatures.js';
import { ApiError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { findOwnHead } from '../petitions/petition-lookup.js';
import { seal, unseal } from '../sealer.js';
import { conditionOf, type ModerationFilter, type Selection } from './moderation-filters.js';
import { accessTo } from './signature-access.js';
import type { SignatureView } from './signature-views.js';
import { readSignatures } from './signatures.js';

/*
 * The preview of a bulk moderation. It changes and stores nothing: its token contains, sealed, what was found and when.
 *
 * It has no list of signatures. What has changed since is read from the moderations. So every verb that moves a
 * signature into `pending`, `quarantined` or `invalidated` must write a moderation, or show in `confirmed_at`, as a
 * confirmation does.
 */

export const PREVIEW_LIFETIME_MS = 30 * 60_000;
const SAMPLE = 10;
const PREFIX = 'mp_';

/** What a preview has found. Anything newer than `lastKey`, `lastModeration` or `at` was not in it. */
export type Preview = Selection & {
  organizationKey: number;
  lastKey: number;
  lastModeration: number;
  matched: number;
  at: Date;
};

export type Previewed = { matched: number; sample: SignatureView[]; token: string };

/** Previews an action on a petition of the actor's organization. Throws `petition_not_found`, `invalid_body`. */
export async function previewModeration(
  ctx: Context,
  actor: KeyedActor,
  petitionRef: string,
  action: ModerationAction,
  filter: ModerationFilter,
): Promise<Previewed> {
  const on = ctx.store.read;
  const petition = await findOwnHead(on, actor, petitionRef);
  const access = await accessTo(ctx, on, actor, petition);
  if (!access) throw new ApiError('petition_not_found');
  const { key: petitionKey, organizationKey } = petition;
  const selection = { petitionKey, action, filter };
  // Must come first, so that what changes during the preview counts as changed since.
  const at = ctx.now();
  const lastModeration = await lastModerationOf(on);
  const { signatures: t } = on.tables;
  const matching = conditionOf(on, access, selection);
  const [found] = await on.db
    .select({ matched: count(), last: max(t.key) })
    .from(t)
    .where(matching);
  const { matched = 0, last = null } = found ?? {};
  const rows = await on.db.select({ key: t.key }).from(t).where(matching).orderBy(asc(t.key)).limit(SAMPLE);
  const sample = await readSignatures(
    on,
    rows.map(({ key }) => key),
  );
  const preview = { ...selection, organizationKey, lastKey: last ?? 0, lastModeration, matched, at };
  return { matched, sample: sample.map(access.show), token: sealPreview(ctx.brakes.previewKey, preview) };
}

async function lastModerationOf(on: Reader): Promise<number> {
  const { moderations: t } = on.tables;
  const [row] = await on.db.select({ last: max(t.key) }).from(t);
  return row?.last ?? 0;
}

const sealPreview = (key: Buffer, preview: Preview): string =>
  PREFIX + seal(key, Buffer.from(JSON.stringify(preview))).toString('base64url');

/** Undefined for everything that is no preview of this installation. */
export function openPreview(key: Buffer, token: string): Preview | undefined {
  const text = token.slice(PREFIX.length);
  const sealed = Buffer.from(text, 'base64url');
  if (!token.startsWith(PREFIX) || sealed.toString('base64url') !== text) return undefined;
  const plain = unseal(key, sealed);
  if (!plain) return undefined;
  const { at, filter, ...preview } = JSON.parse(plain.toString()) as Preview;
  const { createdFrom, createdBefore } = filter;
  return {
    ...preview,
    at: new Date(at),
    filter: {
      ...filter,
      createdFrom: createdFrom && new Date(createdFrom),
      createdBefore: createdBefore && new Date(createdBefore),
    },
  };
}
