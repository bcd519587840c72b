import { and, desc, eq, inArray, isNull, lt, sql, type Column } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { SignatureStatus } from '../../../schema/db/tables/signatures.js';
import { ApiError, invalidBody } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import { hasLink } from '../brakes/links-in-names.js';
import type { Context } from '../context.js';
import { changeCounts } from '../counts/counts.js';
import { decodeCursor, pageOf, type Page } from '../cursor.js';
import type { PageRequest } from '../cursor.js';
import { unlessOvertaken } from '../overtaken.js';
import type { Session } from '../session.js';
import { confirmSignature } from '../signatures/signature-moves.js';
import { signedBy } from '../supporters/forgetting.js';
import { learn } from '../supporters/supporters.js';

type SignatureRow = Tables['signatures']['$inferSelect'];
type PetitionRow = Tables['petitions']['$inferSelect'];

/** A signature with its petition, for its own signer. */
export type MySignature = {
  signature: SignatureRow;
  petition: Pick<PetitionRow, 'publicId' | 'slug' | 'title' | 'statement' | 'pageUrl'>;
  /** What came of its share links: sums, and nobody. */
  shared: { links: number; clicks: number; conversions: number };
};

/** One index entry for each link that the signer has made. */
function sharedOf({ signatures, shareLinks: l, shareCounts: c }: Tables) {
  const theirs = sql`${l} where ${l.signatureKey} = ${signatures.key}`;
  const total = (column: Column) =>
    sql<number>`(select coalesce(sum(${column}), 0) from ${c} where ${c.shareLinkKey} in (select ${l.key} from ${theirs}))`.mapWith(
      Number,
    );
  return {
    links: sql<number>`(select count(*) from ${theirs})`.mapWith(Number),
    clicks: total(c.clicks),
    conversions: total(c.conversions),
  };
}

const selectMine = ({ db, tables }: Reader) => {
  const { signatures, petitions } = tables;
  return db
    .select({
      signature: signatures,
      petition: {
        publicId: petitions.publicId,
        slug: petitions.slug,
        title: petitions.title,
        statement: petitions.statement,
        pageUrl: petitions.pageUrl,
      },
      shared: sharedOf(tables),
    })
    .from(signatures)
    .innerJoin(petitions, eq(petitions.key, signatures.petitionKey));
};

/** What the supporter has signed, latest first. Throws `invalid_cursor`. */
export async function listMySignatures(
  on: Reader,
  { supporterKey }: Session,
  { limit, cursor }: PageRequest,
): Promise<Page<MySignature>> {
  const list = `me:signatures:${supporterKey}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const { signatures: t } = on.tables;
  const rows = await selectMine(on)
    .where(and(signedBy(on, supporterKey), before === undefined ? undefined : lt(t.key, before)))
    .orderBy(desc(t.key))
    .limit(limit + 1);
  return pageOf(list, rows, limit, ({ signature }) => [signature.key]);
}

/** What others have signed does not exist here. Throws `signature_not_found`. */
async function findMine(on: Reader, { supporterKey }: Session, publicId: string): Promise<MySignature> {
  const { signatures: t } = on.tables;
  const [row] = await selectMine(on).where(and(eq(t.publicId, publicId), eq(t.supporterKey, supporterKey)));
  if (!row) throw new ApiError('signature_not_found');
  return row;
}

export type MySignaturePatch = { display?: SignatureRow['display']; hidden?: boolean; name?: string };

/**
 * Changes how a signature is shown. Throws `signature_not_found`, and `invalid_body` for a new name that holds a link:
 * nobody looks at it again before it is in the public list.
 */
export const patchMySignature = (
  ctx: Context,
  session: Session,
  publicId: string,
  { hidden, ...patch }: MySignaturePatch,
): Promise<MySignature> =>
  ctx.store.transact(async (tx) => {
    const mine = await findMine(tx, session, publicId);
    if (patch.name !== undefined && patch.name !== mine.signature.name) assertNoLink(patch.name);
    const { signatures: t } = tx.tables;
    const [signature] = await tx.db
      .update(t)
      .set({ ...patch, ...(hidden === undefined ? {} : { hidden: Number(hidden) }) })
      .where(and(eq(t.key, mine.signature.key), eq(t.supporterKey, session.supporterKey)))
      .returning();
    if (!signature) throw new ApiError('signature_not_found');
    return { ...mine, signature };
  });

function assertNoLink(name: string): void {
  if (!hasLink(name)) return;
  throw invalidBody({
    pointer: '/name',
    code: 'link',
    detail: 'A name holds no link and no address: write it like Ada Okonkwo.',
  });
}

/**
 * Whoever is in "my data" reads the mailbox: so a signature that waits for it counts, without a mail of its own, which
 * somebody else may have used up. A repeat changes nothing; what organisers have to decide stays so. Throws
 * `signature_not_found`, `signature_withdrawn`, `already_invalidated`, and `petition_closed` when it is too late.
 */
export async function confirmMySignature(
  ctx: Context,
  session: Session,
  publicId: string,
): Promise<MySignature> {
  const { mine, goals } = await ctx.store.transact(async (tx) => {
    const before = await findMine(tx, session, publicId);
    const { key, status } = before.signature;
    if (status === 'confirmed') return { mine: before, goals: [] };
    if (status === 'withdrawn') {
      throw new ApiError('signature_withdrawn', { detail: 'Sign the petition again.' });
    }
    if (status === 'invalidated') throw takenOut();
    const { supporters, confirmationRequests: t } = tx.tables;
    const isMine = eq(supporters.key, session.supporterKey);
    const [me] = await tx.db.select({ identity: supporters.identity }).from(supporters).where(isMine);
    if (!me) throw new ApiError('signature_not_found');
    const confirmed = await confirmSignature(ctx, tx, { key, data: null, ...me });
    if (confirmed === 'too late') throw new ApiError('petition_closed');
    await learn(tx, session.supporterKey, confirmed.said);
    await tx.db
      .update(t)
      .set({ remindAt: null })
      .where(and(eq(t.supporterKey, session.supporterKey), eq(t.signatureKey, key)));
    return { mine: await findMine(tx, session, publicId), goals: confirmed.goals };
  });
  if (goals.length > 0) await ctx.milestones.settle(mine.signature.petitionKey, goals);
  return mine;
}

const takenOut = () =>
  new ApiError('already_invalidated', { detail: 'An organiser has taken it out: it does not count.' });

const WITHDRAWABLE: readonly SignatureStatus[] = ['pending', 'confirmed', 'quarantined'];

/**
 * Takes a signature back: it counts no more, and what was still to be confirmed of it is void. A repeat changes nothing.
 * Throws `signature_not_found`, and `already_invalidated` for one that an organiser has taken out.
 */
export function withdrawMySignature(ctx: Context, session: Session, publicId: string): Promise<MySignature> {
  const withdraw = async (tx: Tx) => {
    const mine = await findMine(tx, session, publicId);
    const { key, status } = mine.signature;
    if (status === 'withdrawn') return mine;
    if (!WITHDRAWABLE.includes(status)) throw takenOut();
    const { signatures: t } = tx.tables;
    const signature = unlessOvertaken(
      await tx.db
        .update(t)
        .set({ status: 'withdrawn', withdrawnAt: tx.now })
        .where(and(eq(t.key, key), eq(t.status, status)))
        .returning(),
    );
    changeCounts(tx, signature, status, 'withdrawn');
    await voidRequests(tx, session, key);
    return { ...mine, signature };
  };
  return ctx.store.transact(withdraw, { urgent: true });
}

/**
 * A link or code that is still in the mailbox must not bring the signature back, nor a reminder come. Whoever wants to
 * sign again can: the mailbox is asked anew.
 */
async function voidRequests(tx: Tx, { supporterKey }: Session, signatureKey: number): Promise<void> {
  const { confirmationRequests: t, linkTokens } = tx.tables;
  const open = await tx.db
    .update(t)
    .set({ remindAt: null, code: null })
    .where(
      and(
        eq(t.supporterKey, supporterKey),
        eq(t.signatureKey, signatureKey),
        isNull(t.confirmedAt),
        isNull(t.refusedAt),
      ),
    )
    .returning({ key: t.key });
  if (open.length === 0) return;
  const keys = open.map(({ key }) => key);
  await tx.db
    .delete(linkTokens)
    .where(and(eq(linkTokens.supporterKey, supporterKey), inArray(linkTokens.requestKey, keys)));
}
