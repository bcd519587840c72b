import type { TranslationRef } from '../../../schema/db/tables/petitions.js';
import { closestOf } from '../closest-locale.js';

/* In which languages a petition is there, and which of them a reader gets. */

/** What says in which languages a petition is there. */
export type Spoken = { locale: string; translations: readonly TranslationRef[] };

/** Chooses one of the languages of a petition, the first of which is the one that it was written in. */
export type ChooseLocale = (locales: readonly string[]) => string;

/** The languages of a petition: first the one that it was written in. */
export const localesOf = ({ locale, translations }: Spoken): string[] => [
  locale,
  ...translations.map((one) => one.locale),
];

/** Chooses what is closest to one language, else the one that it was written in. */
export const closestTo =
  (wanted: string | null | undefined): ChooseLocale =>
  (locales) =>
    (wanted == null ? undefined : closestOf(locales, wanted)) ?? (locales[0] as string);

/** The translation that is chosen; null: the petition's own text. */
export function translationFor(petition: Spoken, choose: ChooseLocale): TranslationRef | null {
  if (petition.translations.length === 0) return null;
  const locale = choose(localesOf(petition));
  return petition.translations.find((one) => one.locale === locale) ?? null;
}
