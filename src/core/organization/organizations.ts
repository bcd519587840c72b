import slugify from '@sindresorhus/slugify';
import { and, asc, eq, isNull, sql } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { SCOPES } from '../../../schema/db/tables/organization.js';
import { ApiError } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { parseEmail } from '../email.js';
import { once, type Retry } from '../idempotency.js';
import { requireWritten } from '../overtaken.js';
import { noteAdminUse, type Admin } from './admin-keys.js';
import { assertLegible } from './colors.js';
import { insertKey, type CreatedKey } from './api-keys.js';
import { newToken } from './key-tokens.js';

export type Organization = Tables['organizations']['$inferSelect'];

export type NewOrganization = { name: string; slug?: string } & Omit<OrganizationPatch, 'name'>;

/** Creates an organization. Throws `slug_taken`. */
export const createOrganization = (ctx: Context, input: NewOrganization): Promise<Organization> => {
  const publicId = ctx.newId('org');
  return ctx.store.transact((tx) => insertOrganization(tx, publicId, input));
};

/** Creates an organization and its first key, a secret one with all scopes. Throws `slug_taken`, `idempotency_key_reused`. */
export async function setUpOrganization(
  ctx: Context,
  admin: Admin,
  { keyName, ...input }: NewOrganization & { keyName: string },
  retry?: Retry,
): Promise<CreatedKey & { organization: Organization }> {
  const publicId = ctx.newId('org');
  const made = { publicId: ctx.newId('key'), token: newToken(ctx.random, 'secret') };
  return ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      await noteAdminUse(tx, admin);
      const organization = await insertOrganization(tx, publicId, input);
      const key = {
        organizationKey: organization.key,
        kind: 'secret',
        name: keyName,
        scopes: SCOPES,
      } as const;
      return { organization, ...(await insertKey(tx, key, made)) };
    }),
  );
}

async function insertOrganization(
  tx: Tx,
  publicId: string,
  { name, slug: wanted, ...rest }: NewOrganization,
): Promise<Organization> {
  if (rest.color) assertLegible(rest.color);
  const slug = wanted ?? (slugify(name) || `organization-${publicId.slice(-10)}`);
  const [row] = await tx.db
    .insert(tx.tables.organizations)
    .values({ ...columnsOf(rest), publicId, slug, name, version: 1, createdAt: tx.now, updatedAt: tx.now })
    .onConflictDoNothing()
    .returning();
  if (!row) {
    throw new ApiError('slug_taken', { detail: `An organization has the slug ${slug}: choose another.` });
  }
  return row;
}

/** Test organizations are left out. */
export const listOrganizations = ({
  db,
  tables: { organizations: t },
}: Reader): PromiseLike<Organization[]> => db.select().from(t).where(isNull(t.testOf)).orderBy(asc(t.key));

/** The real organization with this slug, or undefined. */
export async function findOrganization(on: Reader, slug: string): Promise<Organization | undefined> {
  const { organizations: t } = on.tables;
  const [row] = await on.db
    .select()
    .from(t)
    .where(and(eq(t.slug, slug), isNull(t.testOf)));
  return row;
}

/** The actor's own organization. Throws `not_found`. */
export async function getOrganization(on: Reader, actor: KeyedActor): Promise<Organization> {
  const { organizations: t } = on.tables;
  const [row] = await on.db.select().from(t).where(eq(t.key, actor.organizationKey));
  if (!row) throw new ApiError('not_found');
  return row;
}

export type OrganizationPatch = Partial<
  Pick<
    Organization,
    'name' | 'url' | 'locale' | 'imprint' | 'logoUrl' | 'color' | 'privacyUrl' | 'replyTo' | 'testEmail'
  > & { doubleOptIn: boolean }
>;

/**
 * Changes the actor's organization, and its test organization with it. `version` is the one that the caller has read;
 * null skips the check. Throws `test_key`, `precondition_failed`, and `invalid_body` for a colour on which nobody could
 * read.
 */
export async function patchOrganization(
  ctx: Context,
  actor: KeyedActor,
  version: number | null,
  patch: OrganizationPatch,
): Promise<Organization> {
  if (actor.test) {
    throw new ApiError('test_key', { detail: 'Use a real key: the test organization follows the real one.' });
  }
  if (patch.color) assertLegible(patch.color);
  const changes = columnsOf(patch);
  return ctx.store.transact(async (tx) => {
    const { organizations: t } = tx.tables;
    const before = await getOrganization(tx, actor);
    if (version !== null && version !== before.version) {
      throw new ApiError('precondition_failed', {
        detail: 'Read it again, apply your change to what is there now.',
      });
    }
    const written = requireWritten(
      await tx.db
        .update(t)
        .set({ ...changes, version: before.version + 1, updatedAt: tx.now })
        .where(and(eq(t.key, before.key), eq(t.version, before.version)))
        .returning(),
    );
    await tx.db
      .update(t)
      .set({ ...changes, version: sql`${t.version} + 1`, updatedAt: tx.now })
      .where(eq(t.testOf, before.key));
    return written;
  });
}

/** Addresses become mail headers, so only the plain form is stored. */
const plainAddress = (typed: string | null): string | null => typed && (parseEmail(typed)?.delivery ?? null);

const columnsOf = ({
  replyTo,
  testEmail,
  doubleOptIn,
  ...rest
}: OrganizationPatch): Partial<Organization> => ({
  ...rest,
  ...(replyTo === undefined ? {} : { replyTo: plainAddress(replyTo) }),
  ...(testEmail === undefined ? {} : { testEmail: plainAddress(testEmail) }),
  ...(doubleOptIn === undefined ? {} : { doubleOptIn: doubleOptIn ? 1 : 0 }),
});
