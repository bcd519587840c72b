import { and, eq, exists, inArray, isNotNull, isNull } from 'drizzle-orm';
import type { SignatureStatus } from '../../../schema/db/tables/signatures.js';
import { memoized } from '../../store/memo.js';
import { bind, statement, type Reader, type Tx } from '../../store/store.js';
import { inParts } from '../bulk-insert.js';
import type { Context } from '../context.js';
import { unlessOvertaken } from '../overtaken.js';
import { changeCounts, countedColumns, moveCounts, type Counted } from './counts.js';

/*
 * One person counts once on a petition, for ever. A person is the keyed hash of an address. Among those we know, the
 * unique index on petition and supporter sees to it. An erased person leaves a tombstone: a supporter whose identity is
 * that hash, with signatures that say nothing and still count, because the count was shown to the world. Somebody who
 * comes back is a new supporter, so their tombstone has to stop counting where they begin to: here, and nowhere else.
 *
 * A signature whose signer is not known any more (erased, anonymised, merged) never begins to count again: there is
 * nothing left to tell it by from a later one of the same person.
 */

/** What stands where an erased supporter's identity stood: the keyed hash, which needs the address to be made again. */
export const erasedIdentity = (subject: Buffer): string => `erased:${subject.toString('base64url')}`;

/** A signature that begins to count. `confirmedAt` must be set. */
export type Beginning = {
  counted: Counted;
  /** Null: it is new. */
  from: SignatureStatus | null;
  /** Of its signer, who is known. */
  identity: string;
};

/** Counts signatures from now on: the only way for one to become `confirmed`. The caller writes the rows. */
export async function beginToCount(ctx: Context, tx: Tx, beginnings: readonly Beginning[]): Promise<void> {
  for (const { counted, from } of beginnings) moveCounts(tx, counted, from, 'confirmed');
  await retireTombstones(
    ctx,
    tx,
    beginnings.map(({ counted: { petitionKey }, identity }) => ({ petitionKey, identity })),
  );
}

/** A supporter has taken an address over: what an erased person of that address left stops counting beside theirs. */
export async function takeOverTombstones(
  ctx: Context,
  tx: Tx,
  supporterKey: number,
  identity: string,
): Promise<void> {
  if (!(await anybodyErased(tx, true))) return;
  const { signatures: t } = tx.tables;
  const counting = await tx.db
    .select({ petitionKey: t.petitionKey })
    .from(t)
    .where(and(eq(t.supporterKey, supporterKey), eq(t.status, 'confirmed')));
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
  if (places.length === 0 || !(await anybodyErased(tx, true))) return;
  for (const { petitionKey, identity } of await thoseErased(ctx, tx, places)) {
    for (const { key, ...counted } of await findTombstone(tx, { petitionKey, identity })) {
      const { signatures: t } = tx.tables;
      unlessOvertaken(
        await tx.db
          .update(t)
          .set({ status: 'withdrawn', withdrawnAt: tx.now })
          .where(and(eq(t.key, key), eq(t.status, 'confirmed')))
          .returning({ key: t.key }),
      );
      changeCounts(tx, counted, 'confirmed', 'withdrawn');
    }
  }
}

/** The places of people who have a tombstone, under its name. Of many, one statement tells who. */
async function thoseErased(ctx: Context, tx: Tx, places: readonly Place[]): Promise<Place[]> {
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

/** Whether anybody was ever erased: often nobody was, and then no address need be hashed. */
export const lookForErased = async (on: Reader): Promise<boolean> => (await findErased(on, {})).length > 0;

/**
 * The same, asked once for all transactions of a commit. Only for those who have written a supporter before they ask: from
 * then on no erasure comes in between (`eraseSupporter`), so the answer stays right until the commit.
 */
const anybodyErased = memoized((tx, _everywhere: true) => lookForErased(tx));

/** The condition for signatures whose signer is known. */
export const signerIsKnown = ({ db, tables }: Reader) => {
  const { supporters: t, signatures } = tables;
  const known = db
    .select({ key: t.key })
    .from(t)
    .where(and(eq(t.key, signatures.supporterKey), isNull(t.erasedAt)));
  return exists(known);
};
