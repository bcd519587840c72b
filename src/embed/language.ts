import type { Words } from './api.js';

/** Replaces `{{ name }}` in a text by its values. */
export const say = (text: string, values: Record<string, string> = {}): string =>
  text.replace(/\{\{ *([a-z]+) *\}\}/g, (_, name: string) => values[name] ?? '');

/** The texts of a language, and functions that format numbers, counts and dates in it. */
export type Language = Words & {
  /** The language that was asked for, which this server may not have. */
  asked: string;
  number: (value: number) => string;
  count: (value: number) => string;
  date: (instant: string) => string;
  day: (day: string) => string;
  list: (parts: string[]) => string;
};

export function languageOf(words: Words, asked = words.locale): Language {
  const { locale, words: texts } = words;
  const numbers = new Intl.NumberFormat(locale);
  const plural = new Intl.PluralRules(locale);
  const number = (value: number) => numbers.format(value);
  const dates = (options: Intl.DateTimeFormatOptions) => (text: string) =>
    new Intl.DateTimeFormat(locale, { dateStyle: 'long', ...options }).format(new Date(text));
  return {
    ...words,
    asked,
    number,
    count: (value) =>
      say(texts[`count_${plural.select(value)}`] ?? texts.count_other, { count: number(value) }),
    list: (parts) => new Intl.ListFormat(locale).format(parts),
    day: dates({ timeZone: 'UTC' }),
    date: dates({ timeStyle: 'short' }),
  };
}
