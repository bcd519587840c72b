import { and, eq } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { MAILING_MOVES, type MailingMove, type MailingState } from '../../../schema/db/tables/mailings.js';
import { ApiError } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import { requireWritten } from '../overtaken.js';

/* What an organiser can do with a mailing in each state. What happens by itself is decided elsewhere. */

/** From which states each move is possible. */
const FROM: Record<MailingMove, readonly MailingState[]> = {
  start: ['draft', 'scheduled', 'missed'],
  schedule: ['draft', 'scheduled', 'missed'],
  unschedule: ['scheduled', 'missed'],
  pause: ['building', 'running', 'deciding'],
  resume: ['paused'],
  cancel: ['scheduled', 'building', 'running', 'paused', 'deciding', 'missed'],
};

const WORDS: Record<MailingState, string> = {
  draft: 'It is a draft',
  scheduled: 'It is scheduled',
  building: 'It has been started',
  running: 'It is being sent',
  paused: 'It is paused',
  deciding: 'It waits for the winner of its test',
  done: 'It is done',
  cancelled: 'It was cancelled',
  missed: 'It was not sent when it was due',
};

type MailingRow = Tables['mailings']['$inferSelect'];

export const canMove = (state: MailingState, move: MailingMove): boolean => FROM[move].includes(state);

/** Throws `mailing_transition_not_allowed`, which names the moves that are allowed. */
export function assertMove(state: MailingState, move: MailingMove): void {
  if (canMove(state, move)) return;
  const allowed = MAILING_MOVES.filter((one) => canMove(state, one));
  const left = allowed.length === 0 ? 'and stays so' : `so it cannot ${move}. It can: ${allowed.join(', ')}`;
  throw new ApiError('mailing_transition_not_allowed', {
    detail: `${WORDS[state]}, ${left}.`,
    extra: { allowed },
  });
}

/**
 * Moves a mailing that was read in this transaction, on the condition that it is still as it was. Throws
 * `mailing_transition_not_allowed`.
 */
export async function makeMove(
  tx: Tx,
  { key, state, version }: Pick<MailingRow, 'key' | 'state' | 'version'>,
  move: MailingMove,
  set: Parameters<ReturnType<typeof updateOf>['set']>[0],
): Promise<void> {
  assertMove(state, move);
  const { mailings: t } = tx.tables;
  const moved = await updateOf(tx)
    .set({ updatedAt: tx.now, ...set })
    .where(and(eq(t.key, key), eq(t.state, state), eq(t.version, version)))
    .returning({ key: t.key });
  requireWritten(moved);
}

const updateOf = ({ db, tables }: Tx) => db.update(tables.mailings);
