import { eq, sql } from 'drizzle-orm';
import type { MailingOutcome, RecipientState } from '../../../schema/db/tables/sending.js';
import { bind, bindAll, statement, type Reader, type Tx } from '../../store/store.js';
import { countOutcome } from '../counts/mailing-counts.js';

/*
 * The sums of a mailing. Each transaction that changes recipients' states moves the tallies with them, so at every commit
 * the tallies of all states add up to the audience.
 */

const addToTally = statement('mailing_tally_add', ({ db, tables: { mailingTallies: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['mailingKey', 'variantKey', 'state', 'recipients']))
    .onConflictDoUpdate({
      target: [t.mailingKey, t.variantKey, t.state],
      set: { recipients: sql`${t.recipients} + excluded.recipients` },
    }),
);

/** A group of recipients that changes its state together. Null as `from`: they join the audience. */
export type Move = {
  mailingKey: number;
  from: { variantKey: number | null; state: RecipientState } | null;
  to: { variantKey: number | null; state: RecipientState };
  recipients: number;
};

/**
 * Moves the tallies, and counts states that are outcomes by the hour. Sums first, so that many single moves are a few
 * statements, and writes in one order, so that two processes do not wait for each other in a circle.
 */
export async function moveTallies(tx: Tx, moves: readonly Move[]): Promise<void> {
  const sums = new Map<
    string,
    { mailingKey: number; variantKey: number; state: RecipientState; n: number }
  >();
  const add = (mailingKey: number, variant: number | null, state: RecipientState, n: number) => {
    const variantKey = variant ?? 0;
    const id = `${mailingKey} ${variantKey} ${state}`;
    const sum = sums.get(id) ?? { mailingKey, variantKey, state, n: 0 };
    sum.n += n;
    sums.set(id, sum);
  };
  for (const { mailingKey, from, to, recipients } of moves) {
    if (from) add(mailingKey, from.variantKey, from.state, -recipients);
    add(mailingKey, to.variantKey, to.state, recipients);
  }
  for (const [, { mailingKey, variantKey, state, n }] of [...sums].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (n === 0) continue;
    await addToTally(tx, { mailingKey, variantKey, state, recipients: n });
  }
  for (const [, { mailingKey, variantKey, state, n }] of [...sums].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (n > 0 && isOutcome(state)) await countOutcome(tx, { mailingKey, variantKey }, state, n);
  }
}

const OUTCOMES = new Set<RecipientState>(['sent', 'failed', 'skipped', 'uncertain']);
const isOutcome = (state: RecipientState): state is RecipientState & MailingOutcome => OUTCOMES.has(state);

export type Tally = { variantKey: number; state: RecipientState; recipients: number };

const talliesByMailing = statement('mailing_tallies', ({ db, tables: { mailingTallies: t } }: Reader) =>
  db
    .select({ variantKey: t.variantKey, state: t.state, recipients: t.recipients })
    .from(t)
    .where(eq(t.mailingKey, bind(t.mailingKey, 'mailingKey'))),
);

/** The tallies of a mailing, by variant (0: none yet) and state. */
export const readTallies = async (on: Reader, mailingKey: number): Promise<Tally[]> =>
  talliesByMailing(on, { mailingKey });
