import { and, asc, desc, eq, inArray, isNotNull } from 'drizzle-orm';
import { ApiError } from '../../errors.js';
import { bind, statement, type Reader } from '../../store/store.js';
import { ANONYMOUS } from '../actor.js';
import { isAppended } from '../appended-query.js';
import { findLead, type Lead } from './lead.js';
import { findPetition, Moved } from './petition-lookup.js';
import type { PetitionRow } from './petition-rules.js';

/* oEmbed: finds the petition behind a URL that someone has pasted on another site. */

/** A petition, and what oEmbed shows of its lead organization. */
export type Embedded = { petition: PetitionRow; lead: Lead };

/** Query parameters that links of ours add to a page's URL; `t`: the personal link of a mailing. */
const OURS = /^(?:source|share|code|r|t)$/;
const isAdded = (name: string): boolean => OURS.test(name) || isAppended(name);
const MOST_ON_A_PAGE = 100;

/**
 * The public petition of a URL, which may be its page, here or elsewhere, its API address with any id or slug, or a share link. Query and
 * fragment of a page are ignored unless petitions differ by them; of several petitions on one page the one published
 * last is returned. Throws `not_found`, also for drafts and what was taken down.
 */
export async function findByUrl(on: Reader, publicUrl: string, url: string): Promise<Embedded> {
  const ref = (await refUnder(on, publicUrl, url)) ?? (await refOfPage(on, url));
  if (ref === undefined) throw unknown();
  const petition = await findShown(on, ref);
  return { petition, lead: await findLead(on, petition) };
}

const unknown = () => new ApiError('not_found', { detail: 'No petition here has this URL.' });

const idByCode = statement('petition_by_share_code', ({ db, tables }: Reader) => {
  const { shareLinks: t, petitions } = tables;
  return db
    .select({ id: petitions.publicId })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey))
    .where(eq(t.code, bind(t.code, 'code')));
});

/** The petition named by a URL of this server: an API address or a share link. */
async function refUnder(on: Reader, publicUrl: string, url: string): Promise<string | undefined> {
  const root = new URL(publicUrl);
  const { origin, pathname } = new URL(url);
  const base = root.pathname.replace(/\/$/, '');
  if (origin !== root.origin || !pathname.startsWith(`${base}/`)) return undefined;
  const path = pathname.slice(base.length);
  const ref = /^\/(?:v1\/petitions|p)\/([a-z0-9_-]{1,100})\/?$/.exec(path)?.[1];
  const code = /^\/s\/([A-Za-z0-9]{1,20})\/?$/.exec(path)?.[1];
  if (code === undefined) return ref;
  const [found] = await idByCode(on, { code });
  return found?.id;
}

async function refOfPage(on: Reader, url: string): Promise<string | undefined> {
  const { petitions: t } = on.tables;
  const spellings = spellingsOf(url);
  // No condition on the status in SQL: SQLite would then scan all published petitions.
  const rows = await on.db
    .select({ id: t.publicId, pageUrl: t.pageUrl, status: t.status, test: t.test })
    .from(t)
    .where(and(inArray(t.pageUrl, spellings), isNotNull(t.publishedAt)))
    // A test of a petition must not stand in front of it.
    .orderBy(asc(t.test), desc(t.publishedAt), desc(t.key))
    .limit(MOST_ON_A_PAGE);
  // Some sites distinguish pages by the query, so the closest spelling wins.
  for (const test of [0, 1]) {
    for (const spelling of spellings) {
      const row = rows.find(
        (one) => one.test === test && one.pageUrl === spelling && one.status !== 'taken_down',
      );
      if (row) return row.id;
    }
  }
  return undefined;
}

/** The spellings under which a petition may have stored this page URL, closest first. */
export function spellingsOf(url: string): string[] {
  const page = new URL(url);
  const written = [url, page.href];
  page.hash = '';
  written.push(page.href);
  for (const name of [...page.searchParams.keys()]) if (isAdded(name)) page.searchParams.delete(name);
  written.push(page.href);
  page.search = '';
  written.push(page.href);
  return [...new Set(written.flatMap((one) => [one, withOtherSlash(one)]))];
}

const withOtherSlash = (url: string): string => {
  const [, path = '', rest = ''] = /^([^?#]*)(.*)$/.exec(url) ?? [];
  return (path.endsWith('/') ? path.slice(0, -1) : `${path}/`) + rest;
};

async function findShown(on: Reader, ref: string): Promise<PetitionRow> {
  try {
    return await findPetition(on, ANONYMOUS, ref);
  } catch (error) {
    if (error instanceof Moved) return findShown(on, error.slug);
    if (error instanceof ApiError) throw unknown();
    throw error;
  }
}
