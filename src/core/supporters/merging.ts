import { and, eq, inArray, isNull, notInArray } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Tx } from '../../store/store.js';
import { placedColumns } from '../counts/cells.js';
import { changeCounts } from '../counts/counts.js';
import { requireWritten } from '../overtaken.js';
import { forgetContacts } from './contacts.js';
import { emptyRequests, ANONYMISED_FIELDS, emptiedSupporter } from './forgetting.js';
import { signedBy } from '../signed-by.js';

/* Merges two supporters who turn out to be one person, so that nothing counts twice. */

type SignatureRow = Tables['signatures']['$inferSelect'];

/**
 * Moves everything of supporter `from` to `into`, who takes over its address. Of two signatures on one petition the one
 * that counts is kept, otherwise that of `into`. Links mailed to `from` are void, and its address is free. Call it in a
 * transaction that shuts `supporters` (see `transact`).
 */
export async function mergeSupporters(tx: Tx, from: number, into: number): Promise<void> {
  const { supporters: t } = tx.tables;
  await mergeSignatures(tx, from, into);
  await mergeSubscriptions(tx, from, into);
  await mergeContacts(tx, from, into);
  await giveTraces(tx, from, into);
  await tx.db
    .update(t)
    .set({ ...emptiedSupporter(tx), identity: `merged:${from}` })
    .where(eq(t.key, from));
  tx.memo.clear();
}

async function mergeSignatures(tx: Tx, from: number, into: number): Promise<void> {
  const { signatures: t } = tx.tables;
  const rows = await tx.db
    .select()
    .from(t)
    .where(signedBy(tx, from, into));
  const own = new Map(rows.flatMap((row) => (row.supporterKey === into ? [[row.petitionKey, row]] : [])));
  for (const theirs of rows.filter((row) => row.supporterKey === from)) {
    const mine = own.get(theirs.petitionKey);
    if (!mine) {
      await give(tx, theirs.key, into);
    } else if (theirs.status === 'confirmed' && mine.status !== 'confirmed') {
      await drop(tx, mine);
      await give(tx, theirs.key, into);
    } else {
      await drop(tx, theirs);
    }
  }
}

async function give(tx: Tx, signatureKey: number, supporterKey: number): Promise<void> {
  const { signatures: t } = tx.tables;
  await tx.db.update(t).set({ supporterKey }).where(eq(t.key, signatureKey));
}

/** Empties and withdraws a signature, which then can never count again. */
async function drop(tx: Tx, { key, status, ...counted }: SignatureRow): Promise<void> {
  const { signatures: t, confirmationRequests, shareLinks } = tx.tables;
  // Changes nothing, but holds the row: retention may have emptied it since it was read.
  const placed = requireWritten(
    await tx.db
      .update(t)
      .set({ petitionKey: counted.petitionKey })
      .where(and(eq(t.key, key), eq(t.status, status)))
      .returning(placedColumns(t)),
  );
  requireWritten(
    await tx.db
      .update(t)
      .set({ ...ANONYMISED_FIELDS, hidden: 1, supporterKey: null, status: 'withdrawn', withdrawnAt: tx.now })
      .where(and(eq(t.key, key), eq(t.status, status)))
      .returning({ key: t.key }),
  );
  if (status !== 'withdrawn') changeCounts(tx, { ...counted, ...placed }, status, 'withdrawn');
  const { supporterKey, signatureKey } = confirmationRequests;
  await emptyRequests(tx, and(eq(supporterKey, counted.supporterKey ?? 0), eq(signatureKey, key)));
  await tx.db
    .update(shareLinks)
    .set({ signatureKey: null, receiptHash: null })
    .where(eq(shareLinks.signatureKey, key));
}

/** Of two subscriptions to one organization the active one is kept, otherwise that of `into`. */
async function mergeSubscriptions(tx: Tx, from: number, into: number): Promise<void> {
  const { subscriptions: t, outbox } = tx.tables;
  const rows = await tx.db
    .select()
    .from(t)
    .where(inArray(t.supporterKey, [from, into]));
  const own = new Map(rows.flatMap((row) => (row.supporterKey === into ? [[row.organizationKey, row]] : [])));
  for (const theirs of rows.filter((row) => row.supporterKey === from)) {
    const mine = own.get(theirs.organizationKey);
    const stays = mine && !(theirs.status === 'active' && mine.status !== 'active') ? mine : theirs;
    const goes = stays === mine ? theirs : mine;
    if (goes) {
      await tx.db
        .update(outbox)
        .set({ subscriptionKey: stays.key })
        .where(eq(outbox.subscriptionKey, goes.key));
      await giveRecipients(tx, [from, into], goes.key, stays.key);
      await keepHandles(tx, goes, stays.key);
      await tx.db.delete(t).where(eq(t.key, goes.key));
    }
    if (stays === theirs) await tx.db.update(t).set({ supporterKey: into }).where(eq(t.key, theirs.key));
  }
}

/**
 * Where a mailing goes to both, one no longer leads to a subscription, so it cannot be sent twice: the one that is merged,
 * unless it was sent, or may have been, while the other still waits.
 */
async function giveRecipients(tx: Tx, supporterKeys: number[], goes: number, stays: number): Promise<void> {
  const { mailingRecipients: t } = tx.tables;
  // By the supporter: no index begins with the subscription.
  const of = (key: number) => and(inArray(t.supporterKey, supporterKeys), eq(t.subscriptionKey, key));
  const perhapsSent = tx.db
    .select({ key: t.mailingKey })
    .from(t)
    .where(and(of(goes), inArray(t.state, ['sending', 'sent', 'uncertain'])));
  await tx.db
    .update(t)
    .set({ subscriptionKey: null })
    .where(
      and(of(stays), inArray(t.state, ['queued', 'claimed', 'deferred']), inArray(t.mailingKey, perhapsSent)),
    );
  const both = tx.db.select({ key: t.mailingKey }).from(t).where(of(stays));
  await tx.db
    .update(t)
    .set({ subscriptionKey: null })
    .where(and(of(goes), inArray(t.mailingKey, both)));
  await tx.db.update(t).set({ subscriptionKey: stays }).where(of(goes));
}

/** Links in mails that were sent for the merged subscription go on leaving the list. */
async function keepHandles(tx: Tx, goes: { key: number; handle: Buffer }, subscriptionKey: number) {
  const { formerHandles: t } = tx.tables;
  await tx.db.update(t).set({ subscriptionKey }).where(eq(t.subscriptionKey, goes.key));
  await tx.db.insert(t).values({ handle: goes.handle, subscriptionKey });
}

/** What organizations say: of two contacts of one organization that of `into` is kept. */
async function mergeContacts(tx: Tx, from: number, into: number): Promise<void> {
  const { contacts: t } = tx.tables;
  const known = tx.db.select({ key: t.organizationKey }).from(t).where(eq(t.supporterKey, into));
  await tx.db
    .update(t)
    .set({ supporterKey: into })
    .where(and(eq(t.supporterKey, from), notInArray(t.organizationKey, known)));
  await forgetContacts(tx, [from]);
}

/** Moves mails, places in mailings, requests and consent records. */
async function giveTraces(tx: Tx, from: number, into: number): Promise<void> {
  const { consents, confirmationRequests, outbox, linkTokens, emailChanges, mailingRecipients } = tx.tables;
  const toOther = { supporterKey: into };
  await tx.db.delete(linkTokens).where(eq(linkTokens.supporterKey, from));
  await tx.db.update(consents).set(toOther).where(eq(consents.supporterKey, from));
  await tx.db.update(confirmationRequests).set(toOther).where(eq(confirmationRequests.supporterKey, from));
  await tx.db.update(outbox).set(toOther).where(eq(outbox.supporterKey, from));
  await tx.db.update(mailingRecipients).set(toOther).where(eq(mailingRecipients.supporterKey, from));
  await tx.db
    .update(emailChanges)
    .set({ ...toOther, status: 'undone' })
    .where(and(eq(emailChanges.supporterKey, from), isNull(emailChanges.appliedAt)));
}
