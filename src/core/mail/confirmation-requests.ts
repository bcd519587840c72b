import { and, desc, eq, isNull } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { RequestData, RequestedOptIn } from '../../../schema/db/tables/mail.js';
import { bindAll, statement, type Reader, type Tx } from '../../store/store.js';

/**
 * Something that somebody wants under an address: void until the owner of the mailbox confirms it. What was said with it
 * stays in it until then, and each is confirmed by itself: else the one who typed an address first, or last, would speak
 * for its owner.
 */
export type ConfirmationRequest = Tables['confirmationRequests']['$inferSelect'];

export type NewRequest = Pick<ConfirmationRequest, 'kind' | 'supporterKey' | 'origin' | 'locale'> & {
  signatureKey?: number | null;
  petitionKey?: number | null;
  /** What a repeat says; null for the request that made the signature. */
  data?: RequestData | null;
  optIns: RequestedOptIn[];
  source?: string | null;
};

const COLUMNS = [
  'kind',
  'supporterKey',
  'signatureKey',
  'petitionKey',
  'data',
  'optIns',
  'origin',
  'locale',
  'source',
  'createdAt',
] as const;

const insert = statement('request_insert', ({ db, tables: { confirmationRequests: t } }: Tx) =>
  db
    .insert(t)
    .values({ ...bindAll(t, COLUMNS), reminders: 0, codeTries: 0 })
    .returning({ key: t.key }),
);

/** Writes a request down. Returns its key, for the mail that asks the mailbox. */
export async function insertRequest(tx: Tx, request: NewRequest): Promise<number> {
  const [row] = await insert(tx, {
    ...request,
    signatureKey: request.signatureKey ?? null,
    petitionKey: request.petitionKey ?? null,
    data: request.data ?? null,
    optIns: request.optIns.length > 0 ? request.optIns : null,
    source: request.source ?? null,
    createdAt: tx.now,
  });
  if (!row) throw new Error('the insert returned no row');
  return row.key;
}

export async function readRequest(on: Reader, key: number): Promise<ConfirmationRequest | undefined> {
  const { confirmationRequests: t } = on.tables;
  const [row] = await on.db.select().from(t).where(eq(t.key, key));
  return row;
}

/** The requests of a supporter that nobody has answered, latest first. */
export const openRequests = (on: Reader, supporterKey: number): PromiseLike<ConfirmationRequest[]> => {
  const { confirmationRequests: t } = on.tables;
  return on.db
    .select()
    .from(t)
    .where(and(eq(t.supporterKey, supporterKey), isNull(t.confirmedAt), isNull(t.refusedAt)))
    .orderBy(desc(t.key))
    .limit(100);
};
