import type { Tables } from '../../../schema/db/tables.js';
import type { PetitionStatus } from '../../../schema/db/tables/petitions.js';
import { ApiError } from '../../errors.js';
import { DAY_MS } from '../../time.js';

/*
 * A petition's states, and what each allows at an instant. Other files ask here instead of comparing dates themselves;
 * only petition-list.ts repeats a rule, in SQL.
 */

type PetitionRow = Tables['petitions']['$inferSelect'];
type Scheduled = Pick<PetitionRow, 'status' | 'opensAt' | 'closesAt'>;

/**
 * The life of a petition: draft → published → closed → archived; it can be taken down from any state. An organiser closes
 * it for good. One that only its schedule has closed is still stored as published: a later `closes_at` opens it again.
 */
const MOVES: Record<PetitionStatus, readonly PetitionStatus[]> = {
  draft: ['published', 'taken_down'],
  published: ['closed', 'taken_down'],
  closed: ['archived', 'taken_down'],
  archived: ['taken_down'],
  taken_down: [],
};

/** The status at an instant: a published petition counts as closed from its closing time on. */
export const statusAt = ({ status, closesAt }: Scheduled, now: Date): PetitionStatus =>
  status === 'published' && closesAt !== null && closesAt <= now ? 'closed' : status;

/** Whether the petition accepts signatures at an instant. */
export const isOpenAt = (petition: Scheduled, now: Date): boolean =>
  statusAt(petition, now) === 'published' && (petition.opensAt === null || petition.opensAt <= now);

/** The next instant at which the schedule alone changes the petition; null: never. */
export function nextTurn({ status, opensAt, closesAt }: Scheduled, now: Date): Date | null {
  if (status !== 'published') return null;
  const coming = [opensAt, closesAt].filter((turn): turn is Date => turn !== null && turn > now);
  return coming.sort((a, b) => a.getTime() - b.getTime())[0] ?? null;
}

const GRACE_MS = 24 * 3_600_000;

/** Whether a pending signature may still be confirmed: until a day after closing. */
export function isConfirmableAt(petition: Scheduled & Pick<PetitionRow, 'closedAt'>, now: Date): boolean {
  const status = statusAt(petition, now);
  if (status === 'published') return true;
  if (status !== 'closed' && status !== 'archived') return false;
  const { closedAt, closesAt } = petition;
  const closed = Math.min(closedAt?.getTime() ?? Infinity, closesAt?.getTime() ?? Infinity);
  return now.getTime() <= closed + GRACE_MS;
}

type Ended = Scheduled & Pick<PetitionRow, 'closedAt' | 'updatedAt' | 'retentionDays'>;

/** When the petition closed; undefined while it is open. */
function closingOf(petition: Ended, now: Date): Date | undefined {
  if (['draft', 'published'].includes(statusAt(petition, now))) return undefined;
  const { closedAt, closesAt, updatedAt } = petition;
  const known = [closedAt, closesAt].filter((instant): instant is Date => instant !== null && instant <= now);
  // A petition that was taken down may never have been closed.
  return known.sort((a, b) => a.getTime() - b.getTime())[0] ?? updatedAt;
}

/**
 * How far the retention period of a petition is: `over`, `early` while it runs, `exempt` without one; undefined while the
 * petition is open.
 */
export function retentionAt(petition: Ended, now: Date): 'over' | 'early' | 'exempt' | undefined {
  const closedAt = closingOf(petition, now);
  if (!closedAt) return undefined;
  const { retentionDays } = petition;
  if (retentionDays === null) return 'exempt';
  // For a day after closing, signatures can still be confirmed.
  const over = closedAt.getTime() + Math.max(retentionDays, 1) * DAY_MS;
  return over > now.getTime() ? 'early' : 'over';
}

/** Throws `transition_not_allowed`, which names the moves that are allowed. */
export function assertMove(from: PetitionStatus, to: PetitionStatus): void {
  const allowed = MOVES[from];
  if (allowed.includes(to)) return;
  throw new ApiError('transition_not_allowed', {
    detail:
      allowed.length === 0
        ? `A petition that is ${from} stays so.`
        : `A petition that is ${from} can become: ${allowed.join(', ')}.`,
    extra: { allowed: [...allowed] },
  });
}

/**
 * Throws `petition_taken_down`, `petition_not_published`, `petition_closed` or `petition_not_open` if it cannot be
 * signed now.
 */
export function assertSignable(petition: Scheduled & Pick<PetitionRow, 'takedownReason'>, now: Date): void {
  const status = statusAt(petition, now);
  if (status === 'taken_down') throw takenDown(petition);
  if (status === 'draft') {
    throw new ApiError('petition_not_published', { detail: 'Publish it before signing.' });
  }
  if (status !== 'published') {
    throw new ApiError('petition_closed', { detail: 'It takes no more signatures.' });
  }
  if (petition.opensAt && petition.opensAt > now) {
    throw new ApiError('petition_not_open', {
      detail: 'It takes signatures from opens_at on.',
      extra: { opens_at: petition.opensAt.toISOString() },
      headers: { 'retry-after': String(Math.ceil((petition.opensAt.getTime() - now.getTime()) / 1000)) },
    });
  }
}

/**
 * Throws `petition_taken_down`, `petition_not_published` or `petition_closed` if nothing that was collected elsewhere may
 * be added to its count. After closing it may: paper arrives late.
 */
export function assertTakesLate(petition: Scheduled & Pick<PetitionRow, 'takedownReason'>): void {
  const { status } = petition;
  if (status === 'taken_down') throw takenDown(petition);
  if (status === 'draft') {
    throw new ApiError('petition_not_published', { detail: 'Publish it first.' });
  }
  if (status === 'archived') {
    throw new ApiError('petition_closed', { detail: 'It is archived: its number is final.' });
  }
}

export const takenDown = ({ takedownReason }: Pick<PetitionRow, 'takedownReason'>): ApiError =>
  new ApiError('petition_taken_down', { extra: { reason: takedownReason ?? 'other' } });
