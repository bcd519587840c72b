import { and, desc, eq, getTableColumns, lt } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { ApiError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import { speaksFor, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { decodeCursor, pageOf, type Page } from '../cursor.js';
import type { PageRequest } from '../cursor.js';
import { once, type Retry } from '../idempotency.js';
import { MAILING_HANDLE_BYTES } from '../links/signed-tokens.js';
import { partnerKeysOf } from '../partners/partnerships.js';
import { findHead, Moved, type PetitionHead } from '../petitions/petition-lookup.js';

type MailingRow = Tables['mailings']['$inferSelect'];

/** A mailing, with what its links need from its petition. */
export type MailingView = MailingRow & {
  petitionId: string | null;
  petitionSlug: string | null;
  pageUrl: string | null;
};

export type MailingInput = { name: string; petition?: string | null; source?: string | null };

const selectViews = ({ db, tables: { mailings: t, petitions } }: Reader) =>
  db
    .select({
      ...getTableColumns(t),
      petitionId: petitions.publicId,
      petitionSlug: petitions.slug,
      pageUrl: petitions.pageUrl,
    })
    .from(t)
    .leftJoin(petitions, eq(petitions.key, t.petitionKey));

/**
 * Creates a mailing, to which signatures through its links are attributed. Throws `petition_not_found`,
 * `petition_taken_down`, `not_a_partner`, `idempotency_key_reused`.
 */
export async function createMailing(
  ctx: Context,
  actor: KeyedActor,
  { name, petition: ref, source = null }: MailingInput,
  retry?: Retry,
): Promise<MailingView> {
  const publicId = ctx.newId('mlg');
  const handle = ctx.random(MAILING_HANDLE_BYTES);
  return ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const petition = ref == null ? null : await findShared(tx, actor, ref);
      const { organizationKey } = actor;
      const petitionKey = petition?.key ?? null;
      await tx.db
        .insert(tx.tables.mailings)
        .values({ publicId, organizationKey, petitionKey, handle, name, source, createdAt: tx.now });
      return getMailing(tx, actor, publicId);
    }),
  );
}

/** A petition that the actor's organization leads or is a partner of; earlier slugs work too. */
async function findShared(on: Reader, actor: KeyedActor, ref: string): Promise<PetitionHead> {
  const petition = await findHead(on, actor, ref).catch((error: unknown) => {
    if (error instanceof Moved) return findHead(on, actor, error.slug);
    throw error;
  });
  if (petition.organizationKey === actor.organizationKey) return petition;
  if ((await partnerKeysOf(on, petition.key)).includes(actor.organizationKey)) return petition;
  throw new ApiError('not_a_partner', {
    detail: 'Ask the lead organization to invite yours as a partner, and accept.',
  });
}

/** The mailings of the actor's organization, latest first. Throws `invalid_cursor`. */
export async function listMailings(
  on: Reader,
  { organizationKey }: KeyedActor,
  { limit, cursor }: PageRequest,
): Promise<Page<MailingView>> {
  const list = `mailings:${organizationKey}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const { mailings: t } = on.tables;
  const rows = await selectViews(on)
    .where(and(eq(t.organizationKey, organizationKey), before === undefined ? undefined : lt(t.key, before)))
    .orderBy(desc(t.key))
    .limit(limit + 1);
  return pageOf(list, rows, limit, (row) => [row.key]);
}

/** A mailing of any organization. */
export async function findMailing(on: Reader, publicId: string): Promise<MailingView | undefined> {
  const [row] = await selectViews(on).where(eq(on.tables.mailings.publicId, publicId));
  return row;
}

/** A mailing of the actor's organization. Throws `mailing_not_found`. */
export async function getMailing(on: Reader, actor: KeyedActor, publicId: string): Promise<MailingView> {
  const row = await findMailing(on, publicId);
  if (!row || !speaksFor(actor, row.organizationKey)) throw new ApiError('mailing_not_found');
  return row;
}
