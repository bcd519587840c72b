import { eq } from 'drizzle-orm';
import { invalidBody } from '../../errors.js';
import { RunAgain, type Reader, type Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';

/*
 * An organization tries things out in its test organization: a row of its own, so that no query about real data needs a
 * condition. Keys made with `test: true` are keys of it, and everything that they make belongs to it. Its settings are
 * those of the real organization, written with them in one transaction: see patchOrganization.
 */

/** Organizations are named by their slugs; these never are. */
const slugOf = (publicId: string): string => `test-${publicId.slice(publicId.indexOf('_') + 1)}`;

/**
 * The test organization of a real one, made when it is first needed; a test organization is its own. Throws
 * `invalid_body` while no mailbox is named that gets its mails.
 */
export async function testOrganizationOf(
  tx: Tx,
  organizationKey: number,
  publicId: string,
): Promise<{ key: number }> {
  const { organizations: t } = tx.tables;
  const [own] = await tx.db.select().from(t).where(eq(t.key, organizationKey));
  if (!own) throw new Error('a key without its organization');
  if (own.testEmail === null) {
    throw invalidBody({
      pointer: '/test',
      code: 'test_email_missing',
      detail:
        'Set `test_email` of your organization first: the mails of tests go there, whatever address was typed.',
    });
  }
  if (own.testOf !== null) return own;
  const [known] = await tx.db.select({ key: t.key }).from(t).where(eq(t.testOf, own.key));
  if (known) return known;
  const { key: testOf, ...settings } = own;
  const [made] = await tx.db
    .insert(t)
    .values({
      ...settings,
      publicId,
      slug: slugOf(publicId),
      testOf,
      version: 1,
      createdAt: tx.now,
      updatedAt: tx.now,
    })
    .onConflictDoNothing()
    .returning({ key: t.key });
  if (!made) throw new RunAgain();
  return made;
}

/** The test organization of the actor's organization, or itself if it is one; undefined: there is none. */
export async function findTestOrganization(
  { db, tables: { organizations: t } }: Reader,
  { organizationKey, test }: KeyedActor,
): Promise<number | undefined> {
  if (test) return organizationKey;
  const [found] = await db.select({ key: t.key }).from(t).where(eq(t.testOf, organizationKey));
  return found?.key;
}

/** No organization has this key. */
const NONE = 0;

/** The organization without keys that gets what remains of deleted tests. */
export async function graveyardOf(tx: Tx, publicId: string): Promise<number> {
  const { organizations: t } = tx.tables;
  const [known] = await tx.db.select({ key: t.key }).from(t).where(eq(t.testOf, NONE));
  if (known) return known.key;
  const slug = slugOf(publicId);
  const [made] = await tx.db
    .insert(t)
    .values({ publicId, slug, name: slug, testOf: NONE, version: 1, createdAt: tx.now, updatedAt: tx.now })
    .onConflictDoNothing()
    .returning({ key: t.key });
  if (!made) throw new RunAgain();
  return made.key;
}
