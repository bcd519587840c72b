import type { VerbName } from './core/verbs/verbs.js';
import type { Signed } from './core/signatures/signing.js';
import { Moved } from './core/petitions/petition-lookup.js';
import { ApiError, type ErrorCode, type ErrorDetails } from './errors.js';
import type { StoreStats, Wrote } from './store/store.js';

/* What the main thread and the store thread say to each other, and how values and errors get across. */

export type Call = [id: number, verb: VerbName, args: unknown[]];

/** To the thread: calls that came together. `now`: where the clock stands, if it is set. */
export type Calls = { calls: Call[]; now?: number | undefined };

export type Outcome =
  { value: unknown } | { signed: SignedRow } | { code: ErrorCode; details: ErrorDetails } | { moved: string };

/** From the thread: what became of calls, and what the main thread needs to know of it. */
export type Answers = {
  answers: [id: number, outcome: Outcome][];
  /** How many groups of calls were not answered at all before. */
  begun: number;
  /** Whether mail was queued. */
  rang: boolean;
  wrote: Wrote;
  /** Since the start of the thread. */
  done: Pick<StoreStats, 'transactions' | 'commits'>;
};

/**
 * What nearly all messages are full of, as a row: the names of members would be written and read for each signature, which
 * costs five times as much as the values.
 */
type SignedRow = ReturnType<typeof toRow>;

const toRow = (signed: Signed, s = signed.signature) =>
  [
    signed.petitionKey,
    signed.petitionId,
    signed.confirmation,
    signed.steps,
    signed.published,
    signed.created,
    signed.mayLearnOutcome,
    signed.together,
    signed.mails,
    s.key,
    s.publicId,
    s.status,
    s.createdAt.getTime(),
    s.confirmedAt && s.confirmedAt.getTime(),
  ] as const;

function fromRow(row: SignedRow): Signed {
  const [
    petitionKey,
    petitionId,
    confirmation,
    steps,
    published,
    created,
    mayLearnOutcome,
    together,
    mails,
    ...rest
  ] = row;
  const [key, publicId, status, createdAt, confirmedAt] = rest;
  const signature = {
    key,
    publicId,
    status,
    createdAt: new Date(createdAt),
    confirmedAt: confirmedAt === null ? null : new Date(confirmedAt),
  };
  return {
    petitionKey,
    petitionId,
    confirmation,
    steps,
    published,
    created,
    mayLearnOutcome,
    together,
    mails,
    signature,
  };
}

/** The value of a verb as a message. */
export const outcomeOf = (verb: VerbName, value: unknown): Outcome =>
  verb === 'sign' ? { signed: toRow(value as Signed) } : { value };

/** An error as a message. What is not of the catalogue is for the log of the thread only. */
export function failureOf(error: unknown): Outcome {
  if (error instanceof Moved) return { moved: error.slug };
  const { code, details } = error instanceof ApiError ? error : new ApiError('internal_error');
  return { code, details };
}

/** The value of an outcome, or its error: thrown, as the verb has thrown it. */
export function valueOf(outcome: Outcome): unknown {
  if ('signed' in outcome) return fromRow(outcome.signed);
  if ('value' in outcome) return withBuffers(outcome.value);
  throw 'moved' in outcome ? new Moved(outcome.moved) : new ApiError(outcome.code, outcome.details);
}

/** Messages turn every Buffer into its parent class, which has other methods: this turns it back, in place. */
export function withBuffers<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length) as T;
  const members = value as Record<string, unknown>;
  for (const name in members) {
    const member = members[name];
    if (typeof member === 'object' && member !== null) members[name] = withBuffers(member);
  }
  return value;
}
