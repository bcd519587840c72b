import { and, inArray, isNull, sql, type SQL } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import { inParts } from '../bulk-insert.js';
import { placedColumns } from '../counts/cells.js';
import { moveCell } from '../counts/counts.js';
import { signedBy } from '../signed-by.js';
import { forgetContacts } from './contacts.js';

/* Shared by erasure and retention: rows stay where counts and proofs need them, without any personal data. */

/** Empties the personal fields of a signature. Time, status and source stay, so that every count stays right. */
export const ANONYMISED_FIELDS = {
  name: '',
  givenName: null,
  familyName: null,
  country: null,
  postalCode: null,
  postalAddress: null,
  phone: null,
  comment: null,
  answers: null,
  utm: null,
  externalId: null,
  display: 'anonymous',
} as const;

/** Empties signatures, and counts those that count among those that say nothing. Returns how many there were. */
export async function emptySignatures(
  tx: Tx,
  which: SQL | undefined,
  more: { hidden?: number; supporterKey?: null; source?: null; translationKey?: null } = {},
): Promise<number> {
  const { signatures: t } = tx.tables;
  // Written twice: the first time holds the rows and returns what they say until now.
  const rows = await tx.db
    .update(t)
    .set({ display: 'anonymous' })
    .where(which)
    .returning({ key: t.key, status: t.status, petitionKey: t.petitionKey, ...placedColumns(t) });
  const empty = { ...ANONYMISED_FIELDS, ...more };
  for (const some of inParts(rows.map(({ key }) => key))) {
    await tx.db
      .update(t)
      .set(empty)
      .where(inArray(t.key, [...some]));
  }
  for (const { status, petitionKey, ...placed } of rows) {
    if (status === 'confirmed') moveCell(tx, petitionKey, placed, { ...placed, ...empty });
  }
  return rows.length;
}

/** Empties a supporter's personal fields, and voids earlier links and sessions. */
export const emptiedSupporter = ({ tables: { supporters: t }, now }: Tx) =>
  ({
    delivery: '',
    name: null,
    givenName: null,
    familyName: null,
    country: null,
    postalCode: null,
    postalAddress: null,
    phone: null,
    provenAt: null,
    erasedAt: now,
    linkEpoch: sql<number>`${t.linkEpoch} + 1`,
  }) as const;

/** Removes the signer from their share links, which still work and count. */
export async function disownLinks(tx: Tx, supporterKey: number): Promise<void> {
  const { shareLinks: t, signatures } = tx.tables;
  const theirs = tx.db.select({ key: signatures.key }).from(signatures).where(signedBy(tx, supporterKey));
  await tx.db.update(t).set({ signatureKey: null, receiptHash: null }).where(inArray(t.signatureKey, theirs));
}

/**
 * Removes people from mails, mailings, requests, consent records and what organizations say about them. Of a consent record the
 * keyed hash and the proof stay. Its evidence is deleted; an organization that kept a copy can show that the proof
 * covers it.
 */
export async function forgetTraces(tx: Tx, supporterKeys: number[]): Promise<void> {
  const { linkTokens, outbox, consents, confirmationRequests, mailingRecipients } = tx.tables;
  const isTheirs = inArray(outbox.supporterKey, supporterKeys);
  await forgetContacts(tx, supporterKeys);
  await tx.db.delete(linkTokens).where(inArray(linkTokens.supporterKey, supporterKeys));
  await tx.db
    .update(outbox)
    .set({ state: 'dropped', reason: 'erased', settledAt: tx.now })
    .where(and(isTheirs, isNull(outbox.settledAt)));
  await tx.db
    .update(outbox)
    .set({ supporterKey: null, requestKey: null, subscriptionKey: null, emailChangeKey: null })
    .where(isTheirs);
  // Whoever sends the mailing skips those that wait: rows without a person, which its sums go on to count. The
  // family may be the person's own domain.
  await tx.db
    .update(mailingRecipients)
    .set({ supporterKey: null, subscriptionKey: null, family: '' })
    .where(inArray(mailingRecipients.supporterKey, supporterKeys));
  await tx.db
    .update(consents)
    .set({ supporterKey: null, evidence: null })
    .where(inArray(consents.supporterKey, supporterKeys));
  await emptyRequests(tx, inArray(confirmationRequests.supporterKey, supporterKeys));
}

/**
 * Closes requests and empties them. They are not deleted, since each deletion would scan all mails and tokens for
 * references.
 */
export async function emptyRequests(tx: Tx, which: ReturnType<typeof and>): Promise<void> {
  const { confirmationRequests: t } = tx.tables;
  await tx.db
    .update(t)
    .set({ refusedAt: tx.now })
    .where(and(which, isNull(t.confirmedAt), isNull(t.refusedAt)));
  await tx.db
    .update(t)
    .set({
      signatureKey: null,
      petitionKey: null,
      data: null,
      optIns: null,
      source: null,
      remindAt: null,
      code: null,
    })
    .where(which);
}
