import { eq } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { PetitionStatus } from '../../../schema/db/tables/petitions.js';
import { ApiError } from '../../errors.js';
import { bind, statement, type Reader, type Store } from '../../store/store.js';
import { keptLookups } from '../kept-lookups.js';
import type { Links } from '../links/link-urls.js';
import { mailedTokenIn } from '../links/mailed-token.js';
import { petitionUrl } from '../mailings/mailing-links.js';
import { takenDown } from '../petitions/petition-life.js';

/* Where the links of mailings lead. */

/** A link, without its recipient. */
export type ClickTarget = {
  linkKey: number;
  variantKey: number;
  /** A page of others, or that of the petition, where the recipient's token goes. */
  page: { url: string } | { petition: string; source: string | null };
};

type Row = {
  linkKey: number;
  variantKey: number;
  url: string | null;
  source: string | null;
  status: PetitionStatus | null;
  takedownReason: Tables['petitions']['$inferSelect']['takedownReason'];
  slug: string | null;
  pageUrl: string | null;
};

const findRow = statement(
  'mailing_click_target',
  ({ db, tables: { mailingLinks: t, mailings: m, petitions: p } }: Reader) =>
    db
      .select({
        linkKey: t.key,
        variantKey: t.variantKey,
        url: t.url,
        source: m.source,
        status: p.status,
        takedownReason: p.takedownReason,
        slug: p.slug,
        pageUrl: p.pageUrl,
      })
      .from(t)
      .innerJoin(m, eq(m.key, t.mailingKey))
      .leftJoin(p, eq(p.key, m.petitionKey))
      .where(eq(t.code, bind(t.code, 'code'))),
);

export type ClickTargets = {
  /**
   * Answers synchronously from memory if nothing was committed since the last lookup. Throws `mailing_link_not_found`,
   * `petition_taken_down`.
   */
  find(code: string): ClickTarget | Promise<ClickTarget>;
};

const CODE = /^[A-Za-z0-9_-]{11}$/;
/** Punctuation of the text around a link is no part of its code. */
const PASTED = /^[^A-Za-z0-9_/-]{0,10}([A-Za-z0-9_-]{11})[^A-Za-z0-9_/-]{0,10}$/;
/** More than the number of links that are busy at the same time. */
const MOST_TARGETS = 1000;

export function createClickTargets(
  store: Pick<Store, 'read' | 'generation'>,
  links: Pick<Links, 'petition'>,
): ClickTargets {
  const lookUp = keptLookups(store, MOST_TARGETS, (code) => findTarget(store.read, links, code));
  return {
    find(text) {
      const [, code = text] = PASTED.exec(text) ?? [];
      return lookUp.find(code);
    },
  };
}

async function findTarget(on: Reader, links: Pick<Links, 'petition'>, code: string): Promise<ClickTarget> {
  const [row] = CODE.test(code) ? ((await findRow(on, { code })) as Row[]) : [];
  if (!row) throw new ApiError('mailing_link_not_found');
  const { linkKey, variantKey, url, slug, pageUrl, source, status, takedownReason } = row;
  if (url !== null && URL.canParse(url)) return { linkKey, variantKey, page: { url: new URL(url).href } };
  if (slug === null || status === null || status === 'draft') throw new ApiError('mailing_link_not_found');
  if (status === 'taken_down') throw takenDown({ takedownReason });
  return { linkKey, variantKey, page: { petition: links.petition({ slug, pageUrl }), source } };
}

/** The address that a link leads to. A recipient's token goes to the petition alone, and not to pages of others. */
export function locationOf({ page }: ClickTarget, token = ''): string {
  if ('url' in page) return page.url;
  const recognition = mailedTokenIn(token);
  return petitionUrl(page.petition, recognition?.startsWith('pr_') ? recognition : null, page.source);
}
