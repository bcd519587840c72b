import type { Catalogue } from '../mail/catalogue.js';
import type { Locales } from '../mail/locales.js';

/** The catalogue for an Accept-Language header, by its weights; English where no language of it has one. */
export function languageOf(locales: Locales, header: string | undefined): Catalogue {
  const wanted = (header ?? '')
    .slice(0, 200)
    .split(',')
    .map((part) => ({ tag: part.split(';')[0]?.trim() ?? '', weight: weightOf(part) }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight);
  const language = (tag: string) => tag.toLowerCase().split('-')[0];
  for (const { tag } of wanted) {
    const found = locales.pick(tag);
    if (tag !== '' && language(found.locale) === language(tag)) return found;
  }
  return locales.pick('en');
}

const weightOf = (part: string): number => Number(/; *q=([0-9.]+)/i.exec(part)?.[1] ?? 1);
