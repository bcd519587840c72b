import slugify from '@sindresorhus/slugify';
import { eq, sql } from 'drizzle-orm';
import { ApiError } from '../../errors.js';
import type { Tx } from '../../store/store.js';

/* The names of petitions in URLs. */

/** Gives a petition a slug that no other petition has or had. Throws `slug_taken`. */
export async function claimSlug(tx: Tx, slug: string, petitionKey: number): Promise<void> {
  const { petitionSlugs: t } = tx.tables;
  const claimed = await tx.db
    .insert(t)
    .values({ slug, petitionKey })
    .onConflictDoNothing()
    .returning({ slug: t.slug });
  if (claimed.length > 0) return;
  // A petition may return to a former slug.
  const [owner] = await tx.db.select({ petitionKey: t.petitionKey }).from(t).where(eq(t.slug, slug));
  if (owner?.petitionKey !== petitionKey) throw slugTaken();
}

const slugTaken = () =>
  new ApiError('slug_taken', { detail: 'Another petition has or had this slug: choose another.' });

/** The given slug if it is free, or a free one made from the title. Throws `slug_taken`. */
export async function chooseSlug(
  tx: Tx,
  given: string | null,
  title: string,
  publicId: string,
): Promise<string> {
  const { petitionSlugs: t } = tx.tables;
  const base = given ?? slugFrom(title, publicId);
  const taken = await tx.db
    .select({ slug: t.slug })
    .from(t)
    .where(sql`${t.slug} = ${base} or ${t.slug} like ${`${base}-%`}`);
  const used = new Set(taken.map((row) => row.slug));
  if (!used.has(base)) return base;
  if (given !== null) throw slugTaken();
  for (let n = 2; ; n += 1) if (!used.has(`${base}-${n}`)) return `${base}-${n}`;
}

/** At most 80 characters of the title, cut between words; titles without Latin letters fall back to the id. */
function slugFrom(title: string, publicId: string): string {
  const whole = slugify(title, { decamelize: false });
  const cut =
    whole.length <= 80
      ? whole
      : whole
          .slice(0, 81)
          .replace(/-[^-]*$/, '')
          .slice(0, 80);
  return cut || `petition-${publicId.slice(-10)}`;
}
