import { and, desc, eq, gt, isNull } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { RequestData, RequestedOptIn } from '../../../schema/db/tables/mail.js';
import { bindAll, statement, type Reader, type Tx } from '../../store/store.js';

/**
 * A request made under an address, which has no effect until the owner of the mailbox confirms it. The data sent with
 * it stays in the request until then, and each request is confirmed separately: otherwise the first or last stranger to
 * type an address would speak for its owner.
 */
export type ConfirmationRequest = Tables['confirmationRequests']['$inferSelect'];

export type NewRequest = Pick<ConfirmationRequest, 'kind' | 'supporterKey' | 'origin' | 'locale'> & {
  signatureKey?: number | null;
  petitionKey?: number | null;
  /** What a repeated signing says; null for the request that created the signature, and for a tap in a mail. */
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

/** Stores a request. Returns its key, for the mail that asks the mailbox. */
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

/** Whether a mailbox was asked about a petition since an instant. */
export async function wasAsked(
  on: Reader,
  supporterKey: number,
  petitionKey: number,
  since: Date,
): Promise<boolean> {
  const { confirmationRequests: t } = on.tables;
  const found = await on.db
    .select({ key: t.key })
    .from(t)
    .where(and(eq(t.supporterKey, supporterKey), eq(t.petitionKey, petitionKey), gt(t.createdAt, since)))
    .limit(1);
  return found.length > 0;
}

/** The open requests of a supporter, at most 100, latest first. */
export const listOpenRequests = (on: Reader, supporterKey: number): PromiseLike<ConfirmationRequest[]> => {
  const { confirmationRequests: t } = on.tables;
  return on.db
    .select()
    .from(t)
    .where(and(eq(t.supporterKey, supporterKey), isNull(t.confirmedAt), isNull(t.refusedAt)))
    .orderBy(desc(t.key))
    .limit(100);
};
