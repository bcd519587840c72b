import { and, eq, inArray, isNotNull, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { forgetDeliveries } from '../deliveries/forgetting-lines.js';
import { deleteInSteps } from '../in-steps.js';
import { findTestOrganization, graveyardOf } from '../organization/test-organization.js';
import { removeOffsets } from '../paper/offsets.js';
import { removeBatches } from '../paper/paper-batches.js';
import { emptiedSupporter, emptySignatures, forgetTraces } from '../supporters/forgetting.js';
import { deleteMailings } from './test-mailings.js';

/*
 * Deletes all that a test organization holds, in short transactions, so that it can be repeated after any failure. Keys
 * and settings stay.
 *
 * As after an erasure, empty rows remain where others refer to them: deleting one would search whole tables for
 * references. They move to an organization without keys, so that nobody can reach them, and all counters still equal rows.
 */

export type DeletedTestData = {
  petitions: number;
  signatures: number;
  supporters: number;
  subscriptions: number;
  shareLinks: number;
  mails: number;
  mailings: number;
  imports: number;
};

/** Deletes the test data of the actor's organization. Returns how much there was. */
export async function deleteTestData(ctx: Context, actor: KeyedActor): Promise<DeletedTestData> {
  const deleted = {
    petitions: 0,
    signatures: 0,
    supporters: 0,
    subscriptions: 0,
    shareLinks: 0,
    mails: 0,
    mailings: 0,
    imports: 0,
  };
  const organizationKey = await findTestOrganization(ctx.store.read, actor);
  if (organizationKey === undefined) return deleted;
  const id = ctx.newId('org');
  const graveyard = await ctx.store.transact((tx) => graveyardOf(tx, id));
  for (const petition of await closePetitions(ctx, organizationKey)) {
    await clearPetition(ctx, petition, deleted);
  }
  await forgetPeople(ctx, organizationKey, graveyard, deleted);
  const { imports } = ctx.store.tables;
  deleted.mailings = await deleteMailings(ctx.store, organizationKey);
  deleted.imports = await clear(ctx, imports, imports.organizationKey, organizationKey);
  deleted.petitions = await buryPetitions(ctx, organizationKey, graveyard);
  ctx.store.clean();
  return deleted;
}

/** First of all, so that nobody can sign meanwhile. */
const closePetitions = ({ store }: Context, organizationKey: number): Promise<number[]> =>
  store.transact(async (tx) => {
    const { petitions: t } = tx.tables;
    const closed = await tx.db
      .update(t)
      .set({ status: 'draft', version: sql`${t.version} + 1` })
      .where(eq(t.organizationKey, organizationKey))
      .returning({ key: t.key });
    return closed.map(({ key }) => key);
  });

type Keyed = PgTable & { key: PgColumn };

/** Deletes the rows of one owner. */
const clear = ({ store }: Context, table: Keyed, owner: PgColumn, key: number): Promise<number> =>
  deleteInSteps(store, (db, most) => {
    const some = db.select({ key: table.key }).from(table).where(eq(owner, key)).limit(most);
    return db.delete(table).where(inArray(table.key, some)).returning({ key: table.key });
  });

const SIGNATURES_AT_A_TIME = 500;

async function clearPetition(
  { store }: Context,
  petitionKey: number,
  deleted: DeletedTestData,
): Promise<void> {
  for (;;) {
    const some = await store.transact((tx) => clearSignatures(tx, petitionKey));
    deleted.signatures += some;
    if (some < SIGNATURES_AT_A_TIME) break;
  }
  await removeBatches(store, petitionKey);
  await forgetDeliveries(store, petitionKey);
  deleted.shareLinks += await store.transact(async (tx) => {
    await removeOffsets(tx, petitionKey);
    const { keyFigures, keyIsolations, isolatedNetworks, petitionSlugs } = tx.tables;
    const { petitionTranslations, petitionWords, publishedCells, responses, shareLinks, thresholds } =
      tx.tables;
    const texts = [petitionTranslations, petitionWords, responses];
    const ofItself = [petitionSlugs, ...texts, thresholds, publishedCells];
    for (const table of [keyFigures, keyIsolations, isolatedNetworks, ...ofItself]) {
      await tx.db.delete(table).where(eq(table.petitionKey, petitionKey));
    }
    const links = await tx.db
      .update(shareLinks)
      .set({ signatureKey: null, receiptHash: null, source: null, translationKey: null })
      .where(eq(shareLinks.petitionKey, petitionKey))
      .returning({ key: shareLinks.key });
    return links.length;
  });
}

async function clearSignatures(tx: Tx, petitionKey: number): Promise<number> {
  const { signatures: t, moderations, suspicions, spellings, signatureNetworks } = tx.tables;
  const rows = await tx.db
    .select({ key: t.key })
    .from(t)
    .where(and(eq(t.petitionKey, petitionKey), isNotNull(t.supporterKey)))
    .limit(SIGNATURES_AT_A_TIME);
  const keys = rows.map(({ key }) => key);
  if (keys.length === 0) return 0;
  for (const table of [moderations, suspicions, spellings, signatureNetworks]) {
    await tx.db.delete(table).where(inArray(table.signatureKey, keys));
  }
  await emptySignatures(tx, inArray(t.key, keys), {
    source: null,
    hidden: 1,
    supporterKey: null,
    translationKey: null,
  });
  return keys.length;
}

const PEOPLE_AT_A_TIME = 100;

async function forgetPeople(
  ctx: Context,
  organizationKey: number,
  graveyard: number,
  deleted: DeletedTestData,
): Promise<void> {
  for (;;) {
    const some = await ctx.store.transact((tx) => forgetSome(ctx, tx, organizationKey, graveyard));
    deleted.supporters += some.supporters;
    deleted.subscriptions += some.subscriptions;
    deleted.mails += some.mails;
    if (some.supporters < PEOPLE_AT_A_TIME) return;
  }
}

async function forgetSome({ secrets }: Context, tx: Tx, organizationKey: number, graveyard: number) {
  const { supporters: t, outbox, consents, doNotContact } = tx.tables;
  const people = await tx.db
    .select({ key: t.key, identity: t.identity })
    .from(t)
    .where(eq(t.testOrganizationKey, organizationKey))
    .limit(PEOPLE_AT_A_TIME);
  const keys = people.map(({ key }) => key);
  if (keys.length === 0) return { supporters: 0, subscriptions: 0, mails: 0 };
  const mails = await tx.db
    .delete(outbox)
    .where(inArray(outbox.supporterKey, keys))
    .returning({ key: outbox.key });
  await tx.db.delete(consents).where(inArray(consents.supporterKey, keys));
  await forgetTraces(tx, keys);
  const subscriptions = await deleteSubscriptions(tx, keys);
  const hashes = people.map(({ identity }) => secrets.subject(identity));
  await tx.db.delete(doNotContact).where(inArray(doNotContact.hash, hashes));
  await tx.db
    .update(t)
    // Not as erased people: while there are any, every signing looks for them.
    .set({
      ...emptiedSupporter(tx),
      erasedAt: null,
      identity: sql`'retired:' || ${t.key}`,
      testOrganizationKey: graveyard,
    })
    .where(inArray(t.key, keys));
  tx.memo.clear();
  return { supporters: keys.length, subscriptions, mails: mails.length };
}

async function deleteSubscriptions(tx: Tx, supporterKeys: number[]): Promise<number> {
  const { subscriptions: t, formerHandles, emailChanges } = tx.tables;
  const theirs = tx.db.select({ key: t.key }).from(t).where(inArray(t.supporterKey, supporterKeys));
  await tx.db.delete(formerHandles).where(inArray(formerHandles.subscriptionKey, theirs));
  await tx.db.delete(emailChanges).where(inArray(emailChanges.supporterKey, supporterKeys));
  const deleted = await tx.db
    .delete(t)
    .where(inArray(t.supporterKey, supporterKeys))
    .returning({ key: t.key });
  return deleted.length;
}

/** Empties the petitions that nothing belongs to any more, and gives them away. */
const buryPetitions = ({ store }: Context, organizationKey: number, graveyard: number): Promise<number> =>
  store.transact(async (tx) => {
    const { petitions: t } = tx.tables;
    const buried = await tx.db
      .update(t)
      .set({
        organizationKey: graveyard,
        status: 'draft',
        slug: sql`'deleted:' || ${t.key}`,
        title: '',
        callToAction: null,
        statement: '',
        background: null,
        backgroundHtml: null,
        references: [],
        targets: [],
        campaigner: null,
        partners: [],
        image: null,
        thresholdValues: [],
        translations: [],
        shareTexts: [],
        formFields: [],
        origins: [],
        pageUrl: null,
        response: null,
        externalId: null,
        metadata: {},
        searchText: ' ',
        updatedAt: tx.now,
      })
      .where(eq(t.organizationKey, organizationKey))
      .returning({ key: t.key });
    return buried.length;
  });
