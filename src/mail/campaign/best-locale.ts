import { closestOf } from '../../core/closest-locale.js';

/** The language in which a recipient gets a variant. */
export const localeFor = (
  { locales, defaultLocale }: { locales: Readonly<Record<string, unknown>>; defaultLocale: string },
  wanted: string | null,
): string => (wanted === null ? undefined : closestOf(Object.keys(locales), wanted)) ?? defaultLocale;
