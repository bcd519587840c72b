import slugify from '@sindresorhus/slugify';
import { and, asc, eq } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { ApiError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { parseEmail } from '../email.js';
import { requireWritten } from '../overtaken.js';
import { assertLegible } from './colors.js';

export type Organization = Tables['organizations']['$inferSelect'];

type Looks = Partial<Pick<Organization, 'url' | 'imprint' | 'logoUrl' | 'color' | 'privacyUrl'>>;

/** Creates an organization. Throws `slug_taken`, and `invalid_body` for a colour on which nobody could read. */
export async function createOrganization(
  ctx: Context,
  input: { name: string; slug?: string } & Looks,
): Promise<Organization> {
  const { name, slug: wanted, ...looks } = input;
  if (looks.color) assertLegible(looks.color);
  const publicId = ctx.newId('org');
  const slug = wanted ?? (slugify(name) || `organization-${publicId.slice(-10)}`);
  return ctx.store.transact(async (tx) => {
    const [row] = await tx.db
      .insert(tx.tables.organizations)
      .values({
        publicId,
        slug,
        name,
        ...looks,
        version: 1,
        createdAt: tx.now,
        updatedAt: tx.now,
      })
      .onConflictDoNothing()
      .returning();
    if (!row) {
      throw new ApiError('slug_taken', { detail: `An organization has the slug ${slug}: choose another.` });
    }
    return row;
  });
}

export const listOrganizations = (on: Reader): PromiseLike<Organization[]> =>
  on.db.select().from(on.tables.organizations).orderBy(asc(on.tables.organizations.key));

/** The organization with this slug, or undefined. */
export async function findOrganization(on: Reader, slug: string): Promise<Organization | undefined> {
  const { organizations: t } = on.tables;
  const [row] = await on.db.select().from(t).where(eq(t.slug, slug));
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
    'name' | 'url' | 'locale' | 'imprint' | 'logoUrl' | 'color' | 'privacyUrl' | 'replyTo'
  > & { doubleOptIn: boolean }
>;

/**
 * Changes the actor's organization. `version` is the one that the caller has read; null skips the check. Throws
 * `precondition_failed`, and `invalid_body` for a colour on which nobody could read.
 */
export async function patchOrganization(
  ctx: Context,
  actor: KeyedActor,
  version: number | null,
  patch: OrganizationPatch,
): Promise<Organization> {
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
    return requireWritten(
      await tx.db
        .update(t)
        .set({ ...changes, version: before.version + 1, updatedAt: tx.now })
        .where(and(eq(t.key, before.key), eq(t.version, before.version)))
        .returning(),
    );
  });
}

const columnsOf = ({ replyTo, doubleOptIn, ...rest }: OrganizationPatch): Partial<Organization> => ({
  ...rest,
  // It becomes a mail header, so only the plain form of an address is stored.
  ...(replyTo === undefined ? {} : { replyTo: replyTo && (parseEmail(replyTo)?.delivery ?? null) }),
  ...(doubleOptIn === undefined ? {} : { doubleOptIn: doubleOptIn ? 1 : 0 }),
});
