import { and, inArray, isNull } from 'drizzle-orm';
import type { SignatureStatus } from '../../../schema/db/tables/signatures.js';
import type { Tx } from '../../store/store.js';
import { queueMail } from '../mail/outbox.js';
import { openOptIns } from '../subscriptions/opt-ins.js';

type Released = { key: number; supporterKey: number | null; to: SignatureStatus };

/**
 * Asks the mailboxes of signatures that were released from quarantine, which nobody has asked before: about the request
 * that made the signature, if anything of it is still to be confirmed.
 */
export async function askReleased(tx: Tx, released: readonly Released[]): Promise<void> {
  const { confirmationRequests: t } = tx.tables;
  const supporterKeys = released.flatMap(({ supporterKey }) => supporterKey ?? []);
  if (supporterKeys.length === 0) return;
  const statuses = new Map(released.map(({ key, to }) => [key, to]));
  // From now on, so that the code in the mail is good for as long as any other.
  const held = await tx.db
    .update(t)
    .set({ createdAt: tx.now })
    .where(
      and(
        inArray(t.supporterKey, supporterKeys),
        inArray(t.signatureKey, [...statuses.keys()]),
        isNull(t.data),
        isNull(t.confirmedAt),
        isNull(t.refusedAt),
      ),
    )
    .returning();
  for (const { key, supporterKey, signatureKey, petitionKey, optIns } of held) {
    const counts = statuses.get(signatureKey ?? 0) === 'confirmed';
    if (counts && (await openOptIns(tx, supporterKey, optIns)).length === 0) continue;
    await queueMail(tx, 'signed', supporterKey, { requestKey: key, petitionKey });
  }
}
