import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Signal } from '../../../schema/db/tables/brakes.js';
import { memoized } from '../../store/memo.js';
import { bind, bindAll, statement, type Reader, type Tx } from '../../store/store.js';
import { inParts } from '../bulk-insert.js';
import type { Context } from '../context.js';
import { erasedIdentity } from '../counts/counting-once.js';
import { clusterOf } from '../email.js';
import { POINTS, type Suspicion } from './suspicion.js';

/*
 * One mailbox has many spellings (anna+1@, anna+2@), and each is a separate supporter. At most three of them count on a
 * petition unless an organiser decides otherwise; any further one is quarantined, whatever key brings it. Its mailbox
 * is still asked, so an attacker who uses up the three cannot keep the owner from signing: a confirmation counts while
 * fewer than three others are confirmed.
 *
 * Only invented spellings are stored; a signature under the plain address is found by that address. Signers with a
 * plain address cost one lookup at most, and only on petitions where some mailbox has used up its three.
 */

const MOST = 3;

export const CROWDED: Suspicion = { score: POINTS.many_spellings, signals: ['many_spellings'] };

/** Whether a signature is quarantined for its spelling alone. */
export const isOnlyCrowded = (signals: readonly Signal[] | null | undefined): boolean =>
  signals?.length === 1 && signals[0] === 'many_spellings';

export type Room = {
  free: boolean;
  /** Records that a signature has taken the room. */
  take: (signatureKey: number) => PromiseLike<unknown> | undefined;
};

export const FREE: Room = { free: true, take: () => undefined };

type Wanted = {
  petitionKey: number;
  identity: string;
  status: 'pending' | 'confirmed';
  signatureKey?: number;
};

/**
 * Whether a signature may have this status, given what its mailbox already has on the petition under other spellings,
 * plus `more` signatures that are not stored yet.
 */
export async function findRoom(ctx: Context, tx: Tx, wanted: Wanted, more = 0): Promise<Room> {
  const { petitionKey, identity, status, signatureKey } = wanted;
  const cluster = clusterOf(identity);
  const isPlain = cluster === identity;
  if (isPlain && more === 0 && !(await isAnyFull(tx, petitionKey))) return FREE;
  const mailbox = ctx.secrets.mailbox(petitionKey, cluster);
  if (!isPlain) await tx.lock(mailbox);
  const spellings = await findSpellings(tx, { mailbox });
  const isKnown = spellings.some((one) => one.signatureKey === signatureKey);
  const plain = isPlain ? [] : await plainSignatures(ctx, tx, petitionKey, cluster);
  // A pending signature does not block one whose mailbox has confirmed.
  const others = [...spellings, ...plain].filter(
    (one) =>
      one.signatureKey !== signatureKey &&
      (one.status === 'confirmed' || (one.status === 'pending' && status === 'pending')),
  );
  const nth = spellings.length + more + 1;
  const take = (key: number) => noteSpelling(tx, { signatureKey: key, petitionKey, mailbox, nth });
  return { free: others.length + more < MOST, take: isPlain || isKnown ? FREE.take : take };
}

const findFull = statement('spellings_full', ({ db, tables: { spellings: t } }: Reader) =>
  db
    .select({ key: t.signatureKey })
    .from(t)
    // Must be written exactly as the partial index has it: with a parameter, the index would not be used.
    .where(and(eq(t.petitionKey, bind(t.petitionKey, 'petitionKey')), sql`nth >= 3`))
    .limit(1),
);

/** Read once for all signatures of a commit; it is almost always false. */
const isAnyFull = memoized(
  async (on, petitionKey: number) => (await findFull(on, { petitionKey })).length > 0,
);

const findSpellings = statement('spellings_find', ({ db, tables: { spellings: t, signatures } }: Tx) =>
  db
    .select({ signatureKey: t.signatureKey, status: signatures.status })
    .from(t)
    .innerJoin(signatures, eq(signatures.key, t.signatureKey))
    .where(eq(t.mailbox, bind(t.mailbox, 'mailbox'))),
);

/** Signatures under the plain address, including those of a supporter who was erased since. */
const plainSignatures = (
  { secrets }: Context,
  { db, tables: { signatures: t, supporters } }: Tx,
  petitionKey: number,
  cluster: string,
) => {
  const names = [cluster, erasedIdentity(secrets.subject(cluster))];
  return db
    .select({ signatureKey: t.key, status: t.status })
    .from(t)
    .innerJoin(supporters, eq(supporters.key, t.supporterKey))
    .where(and(eq(t.petitionKey, petitionKey), inArray(supporters.identity, names)));
};

const insertSpelling = statement('spelling_insert', ({ db, tables: { spellings: t } }: Tx) =>
  db.insert(t).values(bindAll(t, ['signatureKey', 'petitionKey', 'mailbox', 'nth'])),
);

function noteSpelling(
  tx: Tx,
  row: { signatureKey: number; petitionKey: number; mailbox: Buffer; nth: number },
): PromiseLike<unknown> {
  isAnyFull.forget(tx, row.petitionKey);
  return Promise.resolve(insertSpelling(tx, row));
}

/** Which of these distinct addresses may find no room on the petition; usually few. A superset: findRoom decides. */
export async function mayBeCrowded(
  ctx: Context,
  tx: Tx,
  petitionKey: number,
  identities: readonly string[],
): Promise<Set<string>> {
  const tagged = identities.filter((one) => clusterOf(one) !== one);
  const clusters = new Set(tagged.map(clusterOf));
  const found = new Set([...tagged, ...identities.filter((one) => clusters.has(one))]);
  if (!(await isAnyFull(tx, petitionKey))) return found;
  const { spellings: t } = tx.tables;
  for (const some of inParts(identities)) {
    const names = new Map(some.map((one) => [ctx.secrets.mailbox(petitionKey, one).toString('hex'), one]));
    const hashes = [...names.keys()].map((hex) => Buffer.from(hex, 'hex'));
    const rows = await tx.db.select({ mailbox: t.mailbox }).from(t).where(inArray(t.mailbox, hashes));
    for (const { mailbox } of rows) found.add(names.get(Buffer.from(mailbox).toString('hex')) ?? '');
  }
  return found;
}
