import { eq } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { PetitionStatus } from '../../../schema/db/tables/petitions.js';
import { ApiError } from '../../errors.js';
import { bind, statement, type Reader, type Store } from '../../store/store.js';
import { keptLookups } from '../kept-lookups.js';
import type { Links } from '../links/link-urls.js';
import { takenDown } from '../petitions/petition-life.js';
import { either } from '../petitions/translated.js';

/* Where a share link redirects, and what its preview shows. */

/** Where a share link leads. */
export type ShareTarget = {
  linkKey: number;
  petitionKey: number;
  /** The translation that it shares; null: the petition's own text. */
  translationKey: number | null;
  code: string;
  /** The petition's page, with source and code in its query. */
  location: string;
};

type Row = {
  linkKey: number;
  petitionKey: number;
  source: string | null;
  network: string;
  status: PetitionStatus;
  takedownReason: Tables['petitions']['$inferSelect']['takedownReason'];
  slug: string;
  pageUrl: string | null;
  translationKey: number | null;
  translation: string | null;
};

const findRow = statement(
  'share_target',
  ({ db, tables: { shareLinks: t, shareVariants, petitions, petitionTranslations } }: Reader) =>
    db
      .select({
        linkKey: t.key,
        petitionKey: t.petitionKey,
        source: t.source,
        network: shareVariants.network,
        status: petitions.status,
        takedownReason: petitions.takedownReason,
        slug: petitions.slug,
        pageUrl: either(petitionTranslations.pageUrl, petitions.pageUrl),
        translationKey: petitionTranslations.key,
        translation: petitionTranslations.locale,
      })
      .from(t)
      .innerJoin(shareVariants, eq(shareVariants.key, t.variantKey))
      .innerJoin(petitions, eq(petitions.key, t.petitionKey))
      .leftJoin(petitionTranslations, eq(petitionTranslations.key, t.translationKey))
      .where(eq(t.code, bind(t.code, 'code'))),
);

export type ShareTargets = {
  /**
   * The page of the link's petition; a link never leads elsewhere. Answers synchronously from memory if nothing was
   * committed since the last lookup. Throws `share_link_not_found`, `petition_taken_down`.
   */
  find(code: string): ShareTarget | Promise<ShareTarget>;
  /** What `find` would answer from memory. */
  known(code: string): ShareTarget | undefined;
};

/** No slash: that is another path. */
const PASTED = /^[^0-9A-Za-z/\\]{0,10}([0-9A-Za-z]+)[^0-9A-Za-z/\\]{0,10}$/;

/** More than the number of links that are busy at the same time. */
const MOST_TARGETS = 1000;

export function createShareTargets(
  store: Pick<Store, 'read' | 'generation'>,
  links: Pick<Links, 'petition'>,
): ShareTargets {
  const lookUp = keptLookups(store, MOST_TARGETS, (code) => findTarget(store.read, links, code));
  // Punctuation around a pasted link is no part of its code.
  const codeIn = (text: string): string => PASTED.exec(text)?.[1] ?? text;
  return { find: (text) => lookUp.find(codeIn(text)), known: (text) => lookUp.known(codeIn(text)) };
}

async function findTarget(on: Reader, links: Pick<Links, 'petition'>, code: string): Promise<ShareTarget> {
  const [row] = CODE.test(code) ? ((await findRow(on, { code })) as Row[]) : [];
  if (!row || row.status === 'draft') throw new ApiError('share_link_not_found');
  if (row.status === 'taken_down') throw takenDown(row);
  const page = pageOf(links.petition(row));
  if (!page) throw new ApiError('share_link_not_found');
  const { linkKey, petitionKey, translationKey, source, network } = row;
  const location = `${page.head}source=${encode(source ?? `share-${network}`)}&share=${code}${page.hash}`;
  return { linkKey, petitionKey, translationKey, code, location };
}

/** Looser than the codes that are made; it only saves looking up what could never be one. */
const CODE = /^[0-9A-Za-z]{1,64}$/;

const encode = (text: string): string => encodeURIComponent(text.toWellFormed());

type Page = { head: string; hash: string };

/** Cached, because parsing the URL costs more than finding the link, and there are few pages. */
const pages = new Map<string, Page | undefined>();
const MOST_PAGES = 500;

function pageOf(pageUrl: string): Page | undefined {
  if (!pages.has(pageUrl)) {
    if (pages.size >= MOST_PAGES) pages.clear();
    pages.set(pageUrl, split(pageUrl));
  }
  return pages.get(pageUrl);
}

/** Splits the page's URL where our parameters go. The rest of its query must stay exactly as it was written. */
function split(pageUrl: string): Page | undefined {
  const url = URL.canParse(pageUrl) ? new URL(pageUrl) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) return undefined;
  const { hash, search } = url;
  url.hash = '';
  url.search = search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && !OURS.has(nameOf(pair)))
    .join('&');
  const head = url.href.replace(/\?$/, '');
  return { head: head + (head.includes('?') ? '&' : '?'), hash };
}

const OURS = new Set(['source', 'share']);
const nameOf = (pair: string): string => [...new URLSearchParams(pair).keys()][0] ?? '';

/** What a preview of the link shows; the description is the beginning of the petition's statement. */
export type ShareCard = {
  petitionId: string;
  title: string;
  description: string;
  locale: string;
  /** The language of the translation that it shows; null: the petition's own text. */
  translation: string | null;
};

const findCard = statement('share_card', ({ db, tables }: Reader) => {
  const { petitions: t, petitionTranslations: translated } = tables;
  return db
    .select({
      petitionId: t.publicId,
      title: either(translated.title, t.title),
      statement: either(translated.statement, t.statement),
      locale: either(translated.locale, t.locale),
      translation: translated.locale,
    })
    .from(t)
    .leftJoin(translated, eq(translated.key, bind(translated.key, 'translationKey')))
    .where(eq(t.key, bind(t.key, 'petitionKey')));
});

export async function readShareCard(
  on: Reader,
  { petitionKey, translationKey }: Pick<ShareTarget, 'petitionKey' | 'translationKey'>,
): Promise<ShareCard> {
  const [row] = await findCard(on, { petitionKey, translationKey: translationKey ?? 0 });
  if (!row) throw new ApiError('share_link_not_found');
  const { statement: words, ...card } = row;
  return { ...card, description: beginning(words) };
}

const LONGEST = 200;

/** The first words of a text, on one line. */
function beginning(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  const letters = [...line];
  if (letters.length <= LONGEST) return line;
  const start = letters.slice(0, LONGEST).join('');
  const end = start.lastIndexOf(' ');
  return `${start.slice(0, end > LONGEST / 2 ? end : undefined).replace(/[\s,;:.–—-]+$/, '')}…`;
}
