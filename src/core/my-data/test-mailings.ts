import { asc, eq, inArray } from 'drizzle-orm';
import type { Store, Tx } from '../../store/store.js';
import { deleteInSteps } from '../in-steps.js';

/** Deletes the mailings of a test organization with all that belongs to them, and its segments. Returns how many mailings. */
export async function deleteMailings(store: Store, organizationKey: number): Promise<number> {
  const keys = await store.transact((tx) => stopMailings(tx, organizationKey));
  for (const key of keys) {
    const { mailingRecipients: t } = store.tables;
    await deleteInSteps(store, (db, most) => {
      const some = db
        .select({ key: t.key })
        .from(t)
        .where(eq(t.mailingKey, key))
        .orderBy(asc(t.key))
        .limit(most);
      return db.delete(t).where(inArray(t.key, some)).returning({ key: t.key });
    });
    await store.transact((tx) => deleteMailing(tx, key));
  }
  await store.transact(async ({ db, tables: { segments, sendingPolicies, sendingPace } }) => {
    await db.delete(segments).where(eq(segments.organizationKey, organizationKey));
    await db.delete(sendingPolicies).where(eq(sendingPolicies.organizationKey, organizationKey));
    await db.delete(sendingPace).where(eq(sendingPace.scope, `organization:${organizationKey}`));
  });
  return keys.length;
}

/** First of all, so that nothing is added to what is being deleted. */
async function stopMailings(
  { db, tables: { mailings: t }, now }: Tx,
  organizationKey: number,
): Promise<number[]> {
  const stopped = await db
    .update(t)
    .set({ state: 'cancelled', finishedAt: now })
    .where(eq(t.organizationKey, organizationKey))
    .returning({ key: t.key });
  return stopped.map(({ key }) => key);
}

async function deleteMailing({ db, tables }: Tx, key: number): Promise<void> {
  const { mailings, mailingHours, mailingLinkHours, mailingLinks, mailingTallies, mailingVariants } = tables;
  const links = db
    .select({ key: mailingLinks.key })
    .from(mailingLinks)
    .where(eq(mailingLinks.mailingKey, key));
  await db.delete(mailingLinkHours).where(inArray(mailingLinkHours.linkKey, links));
  for (const table of [mailingTallies, mailingHours, mailingLinks, mailingVariants]) {
    await db.delete(table).where(eq(table.mailingKey, key));
  }
  await db.delete(mailings).where(eq(mailings.key, key));
}
