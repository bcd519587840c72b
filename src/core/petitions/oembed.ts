import { and, asc, desc, eq, inArray, isNotNull, isNull, sql } from 'drizzle-orm';
import { ApiError } from '../../errors.js';
import { bind, statement, type Reader } from '../../store/store.js';
import { ANONYMOUS } from '../actor.js';
import { isAppended } from '../appended-query.js';
import { closestTo } from './languages.js';
import { findLead, type Lead } from './lead.js';
import { findPetition, Moved } from './petition-lookup.js';
import type { PetitionRow } from './petition-rules.js';
import { inLanguage, type InLanguage } from './translated.js';

/* oEmbed: finds the petition behind a URL that someone has pasted on another site. */

/** A petition, and what oEmbed shows of its lead organization. */
export type Embedded = {
  petition: InLanguage<PetitionRow>;
  lead: Lead;
  /** The language of the translation that the URL is of; null: the petition's own text. */
  translation: string | null;
};

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
  const named = (await namedUnder(on, publicUrl, url)) ?? (await namedByPage(on, url));
  if (named === undefined) throw unknown();
  const found = await findShown(on, named.ref);
  const petition = await inLanguage(on, found, closestTo(named.locale));
  const translation = petition.locale === found.locale ? null : petition.locale;
  return { petition, translation, lead: await findLead(on, petition) };
}

/** A petition by id or slug, and the language in which the URL shows it. */
type Named = { ref: string; locale: string | null };

const unknown = () => new ApiError('not_found', { detail: 'No petition here has this URL.' });

const idByCode = statement('petition_by_share_code', ({ db, tables }: Reader) => {
  const { shareLinks: t, petitions, petitionTranslations: translated } = tables;
  return db
    .select({ ref: petitions.publicId, locale: translated.locale })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey))
    .leftJoin(translated, eq(translated.key, t.translationKey))
    .where(eq(t.code, bind(t.code, 'code')));
});

/** The petition named by a URL of this server: an API address or a share link. */
async function namedUnder(on: Reader, publicUrl: string, url: string): Promise<Named | undefined> {
  const root = new URL(publicUrl);
  const { origin, pathname, searchParams } = new URL(url);
  const base = root.pathname.replace(/\/$/, '');
  if (origin !== root.origin || !pathname.startsWith(`${base}/`)) return undefined;
  const path = pathname.slice(base.length);
  const ref = /^\/(?:v1\/petitions|p)\/([a-z0-9_-]{1,100})\/?$/.exec(path)?.[1];
  const code = /^\/s\/([A-Za-z0-9]{1,20})\/?$/.exec(path)?.[1];
  if (ref !== undefined) return { ref, locale: searchParams.get('locale') };
  const [found] = code === undefined ? [] : await idByCode(on, { code });
  return found;
}

async function namedByPage(on: Reader, url: string): Promise<Named | undefined> {
  const { petitions: t, petitionTranslations: translated } = on.tables;
  const spellings = spellingsOf(url);
  const columns = { ref: t.publicId, status: t.status, test: t.test };
  // No condition on the status in SQL: SQLite would then scan all published petitions.
  const own = await on.db
    .select({ ...columns, pageUrl: t.pageUrl, locale: sql<string | null>`null` })
    .from(t)
    .where(and(inArray(t.pageUrl, spellings), isNotNull(t.publishedAt)))
    // A test of a petition must not stand in front of it.
    .orderBy(asc(t.test), desc(t.publishedAt), desc(t.key))
    .limit(MOST_ON_A_PAGE);
  const ofTranslations = await on.db
    .select({ ...columns, pageUrl: translated.pageUrl, locale: translated.locale })
    .from(translated)
    .innerJoin(t, eq(t.key, translated.petitionKey))
    .where(
      and(inArray(translated.pageUrl, spellings), isNull(translated.deletedAt), isNotNull(t.publishedAt)),
    )
    .orderBy(asc(t.test), desc(t.publishedAt), desc(t.key))
    .limit(MOST_ON_A_PAGE);
  const rows = [...own, ...ofTranslations];
  // Some sites distinguish pages by the query, so the closest spelling wins.
  for (const test of [0, 1]) {
    for (const spelling of spellings) {
      const row = rows.find(
        (one) => one.test === test && one.pageUrl === spelling && one.status !== 'taken_down',
      );
      if (row) return { ref: row.ref, locale: row.locale };
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
