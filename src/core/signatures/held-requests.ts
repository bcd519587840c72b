import { and, inArray, isNull } from 'drizzle-orm';
import type { SignatureStatus } from '../../../schema/db/tables/signatures.js';
import type { Tx } from '../../store/store.js';
import { queueMail } from '../mail/outbox.js';
import { openOptIns } from '../subscriptions/opt-ins.js';

type Released = { key: number; supporterKey: number | null; to: SignatureStatus };

/**
 * Queues mails to the mailboxes of signatures that were released from quarantine and were not asked before, about the
 * request that created the signature, if anything in it still needs confirmation.
 */
export async function askReleased(tx: Tx, released: readonly Released[]): Promise<void> {
  const { confirmationRequests: t } = tx.tables;
  const supporterKeys = released.flatMap(({ supporterKey }) => supporterKey ?? []);
  if (supporterKeys.length === 0) return;
  const statuses = new Map(released.map(({ key, to }) => [key, to]));
  // As if made now, so that the code in the mail is valid as long as any other.
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
