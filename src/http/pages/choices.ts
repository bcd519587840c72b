import { COUNTRIES } from '../../core/countries.js';
import type { Visit } from './visit.js';

/* Lists to choose from, with names in the visitor's language. */

type Options = [value: string, words: string][];

/** The languages that most petitions are in. */
const LANGUAGES =
  'ar bg ca cs cy da de el en es et eu fa fi fr ga gl he hi hr hu hy id is it ja ka ko lb lt lv mk mt nb nl pl pt ro ru sk sl sq sr sv th tr uk ur vi zh'.split(
    ' ',
  );

/** Sorting them costs more than the rest of a page. There is one list for each language of the pages. */
const lists = new Map<string, Options>();

function named(locale: string, type: 'region' | 'language', codes: readonly string[]): Options {
  const key = `${type} ${locale}`;
  const known = lists.get(key);
  if (known) return known;
  const { compare } = new Intl.Collator(locale);
  const list = codes
    .map((code): [string, string] => [code, nameOf(locale, type, code)])
    .sort(([, a], [, b]) => compare(a, b));
  lists.set(key, list);
  return list;
}

function nameOf(locale: string, type: 'region' | 'language', code: string): string {
  try {
    return new Intl.DisplayNames([locale], { type }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** What was chosen before stays a choice, even if the list lacks it. */
const withChosen = ({ words }: Visit, list: Options, chosen: string | null, name: string): Options => [
  ['', words.common.choose],
  ...(chosen === null || list.some(([value]) => value === chosen)
    ? []
    : [[chosen, name] as [string, string]]),
  ...list,
];

export const countryOptions = (visit: Visit, chosen: string | null): Options =>
  withChosen(visit, named(visit.locale, 'region', COUNTRIES), chosen, chosen ?? '');

export function languageOptions(visit: Visit, chosen: string | null): Options {
  const codes = [...new Set([...LANGUAGES, ...visit.tags])];
  const name = chosen === null ? '' : nameOf(visit.locale, 'language', chosen);
  return withChosen(visit, named(visit.locale, 'language', codes), chosen, name);
}
