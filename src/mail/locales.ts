import type { Catalogue } from './catalogue.js';

export type Locales = {
  /** One for each available language, by the names of their files. Plain data: threads are sent them. */
  catalogues: Catalogue[];
  tags: string[];
  /** The closest language: `pt-BR`, else `pt`, else English. */
  pick: (tag: string | null | undefined) => Catalogue;
};

/** Catalogues that have been checked: see load-locales.ts. English has to be among them. */
export function localesOf(catalogues: Catalogue[]): Locales {
  const byTag = new Map(catalogues.map((catalogue) => [catalogue.locale.toLowerCase(), catalogue]));
  return {
    catalogues,
    tags: catalogues.map(({ locale }) => locale).sort(),
    pick: (tag) => closest(byTag, tag ?? 'en') as Catalogue,
  };
}

/** The catalogue of this tag, else of its shorter prefixes, else English. */
export function closest(catalogues: ReadonlyMap<string, Catalogue>, tag: string): Catalogue | undefined {
  const parts = tag.toLowerCase().split('-');
  for (let length = parts.length; length > 0; length -= 1) {
    const found = catalogues.get(parts.slice(0, length).join('-'));
    if (found) return found;
  }
  return catalogues.get('en');
}
