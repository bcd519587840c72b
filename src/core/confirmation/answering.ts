import { and, eq, isNull } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Tx } from '../../store/store.js';
import { REPEAT_MS, type LinkToken } from '../links/random-tokens.js';
import { readRequest, type ConfirmationRequest } from '../mail/confirmation-requests.js';
import { requireWritten } from '../overtaken.js';

/* Shared by confirming and refusing: finding the request of a token, and closing it. */

type Supporter = Tables['supporters']['$inferSelect'];

/** The answer to a confirmation. It must say nothing about the person. */
export type Confirmed = {
  kind: ConfirmationRequest['kind'];
  /** The petition that was signed; null for other kinds. */
  petitionId: string | null;
};

/** A request whose mailbox is proven. `repeated`: this link has already answered it. */
export type ProvenRequest = { request: ConfirmationRequest; supporter: Supporter; repeated: boolean };

export const isRepeat = ({ usedAt }: LinkToken, now: Date): boolean =>
  usedAt !== null && now.getTime() - usedAt.getTime() <= REPEAT_MS;

/** The request and supporter of a token, unless the request was refused or the supporter's links were revoked. */
export async function requestOf(
  tx: Tx,
  token: LinkToken,
  repeated: boolean,
): Promise<ProvenRequest | undefined> {
  const request = token.requestKey === null ? undefined : await readRequest(tx, token.requestKey);
  const { supporters: t } = tx.tables;
  const [supporter] = await tx.db.select().from(t).where(eq(t.key, token.supporterKey));
  if (!request || request.refusedAt || !supporter || supporter.linkEpoch !== token.epoch) return undefined;
  return { request, supporter, repeated };
}

export async function aboutRequest(tx: Tx, { kind, petitionKey }: ConfirmationRequest): Promise<Confirmed> {
  if (petitionKey === null) return { kind, petitionId: null };
  const { petitions: t } = tx.tables;
  const [petition] = await tx.db.select({ id: t.publicId }).from(t).where(eq(t.key, petitionKey));
  return { kind, petitionId: petition?.id ?? null };
}

/** Closes the request, and ends the reminders of all requests for a signature on the same petition. */
export async function answer(
  tx: Tx,
  request: ConfirmationRequest,
  how: { confirmedAt: Date } | { refusedAt: Date },
): Promise<void> {
  const { confirmationRequests: t } = tx.tables;
  requireWritten(
    await tx.db
      .update(t)
      .set({ ...how, remindAt: null, code: null })
      .where(and(eq(t.key, request.key), isNull(t.confirmedAt), isNull(t.refusedAt)))
      .returning({ key: t.key }),
  );
  const { supporterKey, petitionKey } = request;
  if (petitionKey === null) return;
  await tx.db
    .update(t)
    .set({ remindAt: null })
    .where(and(eq(t.supporterKey, supporterKey), eq(t.petitionKey, petitionKey)));
}
