import { and, asc, desc, eq, gt, inArray, isNull, like, lt, lte, ne, or, sql, type SQL } from 'drizzle-orm';
import { idPattern } from '../../../schema/db/public-id.js';
import type { Tables } from '../../../schema/db/tables.js';
import type { PetitionStatus } from '../../../schema/db/tables/petitions.js';
import type { Reader } from '../../store/store.js';
import { worldOf, type Actor } from '../actor.js';
import type { Context } from '../context.js';
import { countColumns, NO_COUNTS, type Counts } from '../counts/counts.js';
import { decodeCursor, pageOf, type Page } from '../cursor.js';
import { leadColumns, type Lead } from './lead.js';
import { closestTo, type ChooseLocale } from './languages.js';
import type { PetitionRow } from './petition-rules.js';
import { wordPatterns } from './search-words.js';
import { listInLanguage } from './translated.js';

/* The list of petitions, with search, filters and sorting. */

export type PetitionSort = 'created_at' | '-created_at' | 'confirmed' | '-confirmed' | 'total' | '-total';

export type PetitionFilter = {
  /** Words that must all occur in title or statement, in one of its languages. */
  q?: string | undefined;
  statuses?: readonly PetitionStatus[] | undefined;
  locale?: string | undefined;
  /** The slug or id of the lead organization. */
  organization?: string | undefined;
  /** Matches only petitions of the actor's own organization. */
  externalId?: string | undefined;
};

export type PetitionListRequest = { limit: number; cursor?: string | undefined; sort: PetitionSort };

const ORGANIZATION_ID = new RegExp(idPattern('org'));

const summaryColumns = ({ petitions: t, organizations }: Tables) => ({
  key: t.key,
  publicId: t.publicId,
  organizationKey: t.organizationKey,
  slug: t.slug,
  status: t.status,
  test: t.test,
  title: t.title,
  callToAction: t.callToAction,
  statement: t.statement,
  targets: t.targets,
  image: t.image,
  locale: t.locale,
  translations: t.translations,
  goals: t.goals,
  pageUrl: t.pageUrl,
  opensAt: t.opensAt,
  closesAt: t.closesAt,
  outcome: t.outcome,
  createdAt: t.createdAt,
  publishedAt: t.publishedAt,
  organization: leadColumns({ organizations }),
});

/** A petition in a list: without its background and what belongs to that. */
export type PetitionSummary = Pick<
  PetitionRow,
  Exclude<keyof ReturnType<typeof summaryColumns>, 'organization'>
> & {
  organization: Lead;
  counts: Counts;
  /** Its languages: first the one that it was written in. */
  locales: string[];
};

/**
 * The petitions that the actor may see: all published ones, and all of its own organization; with a test key those of
 * its test organization alone. Throws `invalid_cursor`.
 */
export async function listPetitions(
  { store: { read: on }, now }: { store: { read: Reader } } & Pick<Context, 'now'>,
  actor: Actor,
  filter: PetitionFilter,
  { limit, cursor, sort }: PetitionListRequest,
  choose: ChooseLocale = closestTo(null),
): Promise<Page<PetitionSummary>> {
  const { petitions: t, organizations, petitionCounts: c } = on.tables;
  const counted = sort.endsWith('total') ? sql`${c.confirmed} + ${c.paper} + ${c.offsets}` : c.confirmed;
  const count = sql<number>`(select coalesce(sum(${counted}), 0) from ${c} where ${c.petitionKey} = ${t.key})`;
  const byCount = !sort.endsWith('created_at');
  const [order, beyond] = sort.startsWith('-') ? [desc, lt] : [asc, gt];

  const list = `petitions:${sort}`;
  const place = decodeCursor(list, cursor, [0, 0]);
  const after =
    place &&
    (byCount
      ? or(beyond(count, place[0]), and(eq(count, place[0]), beyond(t.key, place[1])))
      : beyond(t.key, place[1]));

  const rows = await on.db
    .select({ ...summaryColumns(on.tables), count: count.mapWith(Number) })
    .from(t)
    .innerJoin(organizations, eq(organizations.key, t.organizationKey))
    .where(and(visibleTo(actor, t), ...matching(filter, actor, on.tables, now()), after))
    .orderBy(...(byCount ? [order(count), order(t.key)] : [order(t.key)]))
    .limit(limit + 1);

  const { items, nextCursor } = pageOf(list, rows, limit, (row) => [row.count, row.key]);
  const counts = await countsOf(
    on,
    items.map((item) => item.key),
  );
  const spoken = await listInLanguage(on, items, choose);
  return {
    items: spoken.map((item) => ({ ...item, counts: counts.get(item.key) ?? NO_COUNTS })),
    nextCursor,
  };
}

async function countsOf(on: Reader, keys: number[]): Promise<Map<number, Counts>> {
  const { petitionCounts: t } = on.tables;
  const rows = await on.db
    .select({ key: t.petitionKey, ...countColumns(on.tables) })
    .from(t)
    .where(inArray(t.petitionKey, keys))
    .groupBy(t.petitionKey);
  return new Map(rows.map(({ key, ...counts }) => [key, counts]));
}

function visibleTo(actor: Actor, t: Tables['petitions']): SQL | undefined {
  const published = inArray(t.status, ['published', 'closed', 'archived']);
  const world = worldOf(actor);
  const own = actor.kind === 'secret' ? eq(t.organizationKey, actor.organizationKey) : undefined;
  if (world !== null) return own ?? and(published, eq(t.organizationKey, world));
  const real = and(published, eq(t.test, 0));
  return own ? or(real, own) : real;
}

function matching(filter: PetitionFilter, actor: Actor, tables: Tables, now: Date): (SQL | undefined)[] {
  const { petitions: t, organizations } = tables;
  const { q, statuses, locale, organization, externalId } = filter;
  return [
    q === undefined ? undefined : holdsWords(tables, wordPatterns(q)),
    statuses ? or(...statuses.map((status) => hasStatus(t, status, now))) : ne(t.status, 'taken_down'),
    locale === undefined
      ? undefined
      : or(
          eq(t.locale, locale),
          hasTranslation(tables, (one) => eq(one.locale, locale)),
        ),
    organization === undefined
      ? undefined
      : eq(ORGANIZATION_ID.test(organization) ? organizations.publicId : organizations.slug, organization),
    externalId === undefined
      ? undefined
      : actor.kind === 'secret'
        ? and(eq(t.externalId, externalId), eq(t.organizationKey, actor.organizationKey))
        : sql`false`,
  ];
}

/** Undefined: there is no word in what was typed, and so nothing to look for. */
const holdsWords = (tables: Tables, patterns: readonly string[]): SQL | undefined => {
  if (patterns.length === 0) return undefined;
  const all = (text: Tables['petitions']['searchText'] | Tables['petitionTranslations']['searchText']) =>
    and(...patterns.map((pattern) => like(text, pattern)));
  return or(
    all(tables.petitions.searchText),
    hasTranslation(tables, (one) => all(one.searchText)),
  );
};

/** Whether the petition has a translation of which a condition is true. */
function hasTranslation(
  { petitions, petitionTranslations: t }: Tables,
  condition: (t: Tables['petitionTranslations']) => SQL | undefined,
): SQL {
  const its = and(eq(t.petitionKey, petitions.key), isNull(t.deletedAt), condition(t));
  return sql`exists (select 1 from ${t} where ${its})`;
}

/** The status at an instant as an SQL condition. Must agree with `statusAt`. */
function hasStatus(t: Tables['petitions'], status: PetitionStatus, now: Date): SQL | undefined {
  const stored = eq(t.status, status);
  if (status === 'published') return and(stored, or(isNull(t.closesAt), gt(t.closesAt, now)));
  if (status === 'closed') return or(stored, and(eq(t.status, 'published'), lte(t.closesAt, now)));
  return stored;
}
