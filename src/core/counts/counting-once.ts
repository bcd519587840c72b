import { and, eq, exists, inArray, isNotNull, isNull } from 'drizzle-orm';
import type { SignatureStatus } from '../../../schema/db/tables/signatures.js';
import { memoized } from '../../store/memo.js';
import { bind, statement, type Reader, type Tx } from '../../store/store.js';
import { inParts } from '../bulk-insert.js';
import type { Context } from '../context.js';
import { requireWritten } from '../overtaken.js';
import { signedBy } from '../signed-by.js';
import { placedColumns } from './cells.js';
import { changeCounts, countedColumns, moveCounts, type Counted } from './counts.js';

/*
 * One person counts once on a petition, forever. A person is the keyed hash of an address. For known supporters the
 * unique index on petition and supporter guarantees it. An erased person leaves a tombstone: a supporter whose identity
 * is that hash, with signatures that hold no data and still count, because the count was already public. If that person
 * signs again they are a new supporter, so the tombstone must stop counting when the new signature begins to. That
 * happens only in this file.
 *
 * A signature whose signer is no longer known (erased, anonymised, merged) can never begin to count again: it could not
 * be told apart from a later signature of the same person.
 */

/**
 * What replaces an erased supporter's identity: the keyed hash, which only someone who has the address can make again.
 */
export const erasedIdentity = (subject: Buffer): string => `erased:${subject.toString('base64url')}`;

/** A signature that begins to count. `confirmedAt` must be set. */
export type Beginning = {
  counted: Counted;
  /** Null: the signature is new. */
  from: SignatureStatus | null;
  /** The identity of its signer, who must be known. */
  identity: string;
};

/** Counts signatures from now on. The only way for a signature to become `confirmed`; the caller writes its row. */
export async function beginToCount(ctx: Context, tx: Tx, beginnings: readonly Beginning[]): Promise<void> {
  for (const { counted, from } of beginnings) moveCounts(tx, counted, from, 'confirmed');
  await retireTombstones(
    ctx,
    tx,
    beginnings.map(({ counted: { petitionKey }, identity }) => ({ petitionKey, identity })),
  );
}

/** Call it when a supporter takes over an address: what an erased person with that address left stops counting. */
export async function takeOverTombstones(
  ctx: Context,
  tx: Tx,
  supporterKey: number,
  identity: string,
): Promise<void> {
  if (!(await isAnyErased(tx, true))) return;
  const { signatures: t } = tx.tables;
  const counting = await tx.db
    .select({ petitionKey: t.petitionKey })
    .from(t)
    .where(and(signedBy(tx, supporterKey), eq(t.status, 'confirmed')));
  await retireTombstones(
    ctx,
    tx,
    counting.map(({ petitionKey }) => ({ petitionKey, identity })),
  );
}

type Place = { petitionKey: number; identity: string };

const findTombstone = statement('tombstone_find', ({ db, tables }: Tx) => {
  const { supporters, signatures: t } = tables;
  return db
    .select({ key: t.key, ...countedColumns(tables) })
    .from(t)
    .innerJoin(supporters, eq(supporters.key, t.supporterKey))
    .where(
      and(
        eq(supporters.identity, bind(supporters.identity, 'identity')),
        eq(t.petitionKey, bind(t.petitionKey, 'petitionKey')),
        eq(t.status, 'confirmed'),
      ),
    );
});

async function retireTombstones(ctx: Context, tx: Tx, places: readonly Place[]): Promise<void> {
  if (places.length === 0 || !(await isAnyErased(tx, true))) return;
  for (const { petitionKey, identity } of await withTombstone(ctx, tx, places)) {
    for (const { key, ...counted } of await findTombstone(tx, { petitionKey, identity })) {
      const { signatures: t } = tx.tables;
      const written = requireWritten(
        await tx.db
          .update(t)
          .set({ status: 'withdrawn', withdrawnAt: tx.now })
          .where(and(eq(t.key, key), eq(t.status, 'confirmed')))
          .returning(placedColumns(t)),
      );
      changeCounts(tx, { ...counted, ...written }, 'confirmed', 'withdrawn');
    }
  }
}

/** The places with their identity as a tombstone would have it; of several, only those that have a tombstone. */
async function withTombstone(ctx: Context, tx: Tx, places: readonly Place[]): Promise<Place[]> {
  const renamed = places.map(({ petitionKey, identity }) => ({
    petitionKey,
    identity: erasedIdentity(ctx.secrets.subject(identity)),
  }));
  if (renamed.length === 1) return renamed;
  const { supporters: t } = tx.tables;
  const erased = new Set<string>();
  for (const some of inParts([...new Set(renamed.map(({ identity }) => identity))])) {
    const rows = await tx.db
      .select({ identity: t.identity })
      .from(t)
      .where(inArray(t.identity, [...some]));
    for (const { identity } of rows) erased.add(identity);
  }
  return renamed.filter(({ identity }) => erased.has(identity));
}

const findErased = statement('supporter_erased', ({ db, tables: { supporters: t } }: Reader) =>
  db.select({ key: t.key }).from(t).where(isNotNull(t.erasedAt)).limit(1),
);

/** Whether any supporter was ever erased. Often none was, and no address needs hashing. */
export const anyErased = async (on: Reader): Promise<boolean> => (await findErased(on, {})).length > 0;

/**
 * The same, read once for all transactions of a commit. Only for transactions that have already written a supporter:
 * from then on no erasure can commit in between (`eraseSupporter`), so the answer holds until the commit.
 */
const isAnyErased = memoized((tx, _everywhere: true) => anyErased(tx));

/** The condition for signatures whose signer is still known. */
export const signerIsKnown = ({ db, tables }: Reader) => {
  const { supporters: t, signatures } = tables;
  const known = db
    .select({ key: t.key })
    .from(t)
    .where(and(eq(t.key, signatures.supporterKey), isNull(t.erasedAt)));
  return exists(known);
};
