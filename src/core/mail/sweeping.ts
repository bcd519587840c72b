import { and, asc, eq, inArray, isNotNull, lt, notExists } from 'drizzle-orm';
import type { Store } from '../../store/store.js';
import { sweepNetworks } from '../brakes/key-networks.js';
import { slotOf } from '../counts/key-figures.js';
import { deleteInSteps } from '../in-steps.js';
import { DAY_MS } from '../../time.js';

const TOKENS_KEPT_DAYS = 2;
const MAILS_KEPT_DAYS = 30;
const CHANGES_KEPT_DAYS = 14;
const FIGURES_KEPT_DAYS = 30;

/**
 * Deletes, a few rows per transaction, what has served its purpose: expired tokens, mails settled long ago, changes of
 * address that can no longer be undone, old figures of keys and networks.
 */
export async function sweepLinksAndMail(store: Store, now: Date): Promise<void> {
  const before = (days: number) => new Date(now.getTime() - days * DAY_MS);
  const { linkTokens, outbox, emailChanges, keyFigures } = store.tables;
  await deleteInSteps(store, (db, most) => {
    const old = db
      .select({ hash: linkTokens.hash })
      .from(linkTokens)
      .where(lt(linkTokens.expiresAt, before(TOKENS_KEPT_DAYS)))
      .limit(most);
    return db.delete(linkTokens).where(inArray(linkTokens.hash, old)).returning({ at: linkTokens.createdAt });
  });
  await deleteInSteps(store, (db, most) => {
    const old = db
      .select({ key: outbox.key })
      .from(outbox)
      .where(and(isNotNull(outbox.settledAt), lt(outbox.settledAt, before(MAILS_KEPT_DAYS))))
      .limit(most);
    return db.delete(outbox).where(inArray(outbox.key, old)).returning({ key: outbox.key });
  });
  await deleteInSteps(store, (db, most) => {
    const mentioned = db
      .select({ key: outbox.key })
      .from(outbox)
      .where(eq(outbox.emailChangeKey, emailChanges.key));
    const linked = db
      .select({ hash: linkTokens.hash })
      .from(linkTokens)
      .where(eq(linkTokens.emailChangeKey, emailChanges.key));
    const old = db
      .select({ key: emailChanges.key })
      .from(emailChanges)
      .where(
        and(
          lt(emailChanges.createdAt, before(CHANGES_KEPT_DAYS + MAILS_KEPT_DAYS)),
          notExists(mentioned),
          notExists(linked),
        ),
      )
      .limit(most);
    return db.delete(emailChanges).where(inArray(emailChanges.key, old)).returning({ key: emailChanges.key });
  });
  await deleteInSteps(store, (db, most) => {
    const old = db
      .select({ slot: keyFigures.slot })
      .from(keyFigures)
      .where(lt(keyFigures.slot, slotOf(before(FIGURES_KEPT_DAYS))))
      .orderBy(asc(keyFigures.slot))
      .limit(most);
    return db.delete(keyFigures).where(inArray(keyFigures.slot, old)).returning({ slot: keyFigures.slot });
  });
  await sweepNetworks(store, now);
  store.clean();
}
