import { closestOf } from '../core/closest-locale.js';
import { closestTo, type ChooseLocale } from '../core/petitions/languages.js';
import type { Catalogue } from '../mail/catalogue.js';
import type { Locales } from '../mail/locales.js';

/** What is read of an Accept-Language: browsers send less. */
const LONGEST = 200;

/** The tags of an Accept-Language, by their weights; of equal ones the first is wanted most. */
export const wantedIn = (header: string | undefined): string[] =>
  (header ?? '')
    .slice(0, LONGEST)
    .split(',')
    .map((part) => ({ tag: part.split(';')[0]?.trim() ?? '', weight: weightOf(part) }))
    .filter(({ tag, weight }) => tag !== '' && weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ tag }) => tag);

const weightOf = (part: string): number => Number(/; *q=([0-9.]+)/i.exec(part)?.[1] ?? 1);

/** The catalogue for an Accept-Language header, by its weights; English where no language of it has one. */
export function languageOf(locales: Locales, header: string | undefined): Catalogue {
  const language = (tag: string) => tag.toLowerCase().split('-')[0];
  for (const tag of wantedIn(header)) {
    const found = locales.pick(tag);
    if (language(found.locale) === language(tag)) return found;
  }
  return locales.pick('en');
}

/** Chooses the language of a petition for a request: what its query asks for, or else what the browser wants most. */
export const chosenBy = (asked: string | undefined, header: string | undefined): ChooseLocale =>
  asked === undefined ? wantedMost(header) : closestTo(asked);

const wantedMost =
  (header: string | undefined): ChooseLocale =>
  (locales) => {
    for (const tag of wantedIn(header)) {
      const found = closestOf(locales, tag);
      if (found !== undefined) return found;
    }
    return locales[0] as string;
  };
