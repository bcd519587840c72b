import { and, eq, inArray, isNull, lte, ne } from 'drizzle-orm';
import type { RecipientState } from '../../../schema/db/tables/sending.js';
import type { Tx } from '../../store/store.js';
import { inParts } from '../bulk-insert.js';
import { isToDo } from '../mailings/mailing-indexes.js';
import { queueUp, type Claimer, type Lease } from './claims.js';
import { returnTokens } from './pace.js';
import { byFamily } from './settling.js';
import { moveTallies, type Move } from './tallies.js';

/* Recipients whose process has died, and the end of a mailing of which nothing is left. */

const AT_A_TIME = 1000;

/**
 * Recipients whose lease has run out, so that their process must have died: what was only claimed is queued again, and its
 * share of the pace is given back; what may have been sent is uncertain, and never sent again by itself. Returns whether
 * there may be more.
 */
export async function endLapsed(tx: Tx, claimer: Claimer): Promise<boolean> {
  await queueUp(tx, claimer);
  const { key: mailingKey } = claimer;
  const back = await sweep(tx, mailingKey, 'claimed', { state: 'queued', owner: null, dueAt: null });
  const unknown = await sweep(tx, mailingKey, 'sending', {
    state: 'uncertain',
    // Its owner may still be alive, and say what became of it.
    reason: 'interrupted',
    settledAt: tx.now,
  });
  await returnTokens(tx, claimer, byFamily(back));
  return back.length === AT_A_TIME || unknown.length === AT_A_TIME;
}

/** Prolongs the lease of what this process has. Returns the keys of what is still its own. */
export async function renewLease(
  tx: Tx,
  keys: readonly number[],
  { owner, leaseMs }: Lease,
): Promise<Set<number>> {
  const { mailingRecipients: t } = tx.tables;
  const own = new Set<number>();
  for (const part of inParts(keys)) {
    const rows = await tx.db
      .update(t)
      .set({ dueAt: new Date(tx.now.getTime() + leaseMs) })
      .where(and(inArray(t.key, [...part]), eq(t.owner, owner), inArray(t.state, ['claimed', 'sending'])))
      .returning({ key: t.key });
    for (const { key } of rows) own.add(key);
  }
  return own;
}

type End = {
  state: RecipientState;
  reason?: string;
  settledAt?: Date;
  dueAt?: null;
  owner?: null;
};

/** Changes some of those whose lease has run out. Returns them. */
async function sweep(
  tx: Tx,
  mailingKey: number,
  from: 'claimed' | 'sending',
  set: End,
): Promise<{ variantKey: number | null; family: string }[]> {
  const { mailingRecipients: t } = tx.tables;
  const condition = and(
    isToDo(tx.tables),
    eq(t.mailingKey, mailingKey),
    eq(t.state, from),
    lte(t.dueAt, tx.now),
  );
  const some = tx.db.select({ key: t.key }).from(t).where(condition).limit(AT_A_TIME);
  // The condition is repeated outside, because another process may have changed rows since the inner select.
  const changed = await tx.db
    .update(t)
    .set(set)
    .where(and(inArray(t.key, some), condition))
    .returning({ variantKey: t.variantKey, family: t.family });
  await moveTallies(
    tx,
    changed.map(({ variantKey }): Move => ({
      mailingKey,
      from: { variantKey, state: from },
      to: { variantKey, state: set.state },
      recipients: 1,
    })),
  );
  return changed;
}

/** The states in which a recipient of the test group delays the choice of the winner: what is deferred does not. */
const UNDER_WAY = ['queued', 'claimed', 'sending'] as const satisfies RecipientState[];

async function hasAny(
  tx: Tx,
  mailingKey: number,
  states: readonly RecipientState[],
  wave?: number,
): Promise<boolean> {
  const { mailingRecipients: t } = tx.tables;
  const [row] = await tx.db
    .select({ key: t.key })
    .from(t)
    .where(
      and(
        isToDo(tx.tables),
        eq(t.mailingKey, mailingKey),
        // All states in one statement: another process may move recipients from one to the other meanwhile.
        inArray(t.state, [...states]),
        wave === undefined ? undefined : eq(t.wave, wave),
      ),
    )
    .limit(1);
  return row !== undefined;
}

/**
 * Moves a mailing on when nothing is left to send: to `deciding` while the rest of the audience waits for the winner of
 * a test, else to `done`. Returns whether it did.
 */
export async function finishMailing(tx: Tx, mailingKey: number, hasWinner: boolean): Promise<boolean> {
  const { mailings: t } = tx.tables;
  const waits = !hasWinner && (await hasAny(tx, mailingKey, ['queued', 'deferred'], 1));
  if (waits && (await hasAny(tx, mailingKey, UNDER_WAY, 0))) return false;
  if (!waits && (await hasAny(tx, mailingKey, [...UNDER_WAY, 'deferred']))) return false;
  const moved = await tx.db
    .update(t)
    .set(
      waits
        ? { state: 'deciding', updatedAt: tx.now }
        : { state: 'done', finishedAt: tx.now, updatedAt: tx.now },
    )
    .where(
      and(
        eq(t.key, mailingKey),
        waits ? and(eq(t.state, 'running'), isNull(t.winnerKey)) : inArray(t.state, ['running', 'deciding']),
        waits ? undefined : ne(t.state, 'done'),
      ),
    )
    .returning({ key: t.key });
  return moved.length > 0;
}
