import { and, inArray, isNull, sql } from 'drizzle-orm';
import type { Reader, Tx } from '../../store/store.js';
import { forgetContacts } from './contacts.js';

/* What erasure and retention have in common: rows stay where counts and proofs need them, and say nothing of anybody. */

/** What a signature no longer says. When it was signed, its status and its source stay: so every count stays right. */
export const FACELESS = {
  name: '',
  country: null,
  postalCode: null,
  postalAddress: null,
  phone: null,
  comment: null,
  utm: null,
  externalId: null,
  display: 'anonymous',
} as const;

/** What a supporter no longer says; links and sessions that were made before end. */
export const nobody = ({ tables: { supporters: t }, now }: Tx) =>
  ({
    delivery: '',
    name: null,
    country: null,
    postalCode: null,
    postalAddress: null,
    phone: null,
    provenAt: null,
    erasedAt: now,
    linkEpoch: sql<number>`${t.linkEpoch} + 1`,
  }) as const;

/**
 * The condition for the signatures of supporters. No index begins with the supporter, since it would make signing
 * slower: each petition is asked, by the index that keeps people from signing twice.
 */
export const signedBy = ({ db, tables: { signatures: t, petitions } }: Reader, ...supporterKeys: number[]) =>
  and(
    inArray(t.petitionKey, db.select({ key: petitions.key }).from(petitions)),
    inArray(t.supporterKey, supporterKeys),
  );

/** Takes signers off the links that they have made: those go on, count what they bring, and are nobody's. */
export async function disownLinks(tx: Tx, supporterKey: number): Promise<void> {
  const { shareLinks: t, signatures } = tx.tables;
  const theirs = tx.db.select({ key: signatures.key }).from(signatures).where(signedBy(tx, supporterKey));
  await tx.db.update(t).set({ signatureKey: null, receiptHash: null }).where(inArray(t.signatureKey, theirs));
}

/**
 * Takes people out of all that was mailed, asked, agreed, and said of them. Of consents the keyed hash and the proof stay; what an
 * organization gave as evidence goes, and whoever still has it can show that the proof was made over it.
 */
export async function forgetTraces(tx: Tx, supporterKeys: number[]): Promise<void> {
  const { linkTokens, outbox, consents, confirmationRequests } = tx.tables;
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
  await tx.db
    .update(consents)
    .set({ supporterKey: null, evidence: null })
    .where(inArray(consents.supporterKey, supporterKeys));
  await emptyRequests(tx, inArray(confirmationRequests.supporterKey, supporterKeys));
}

/**
 * Ends requests, and takes out what they say. They are not deleted: that would look through all mails and tokens for
 * rows that refer to them, once for each.
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
