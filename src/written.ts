/** A day as it is written in a language, in UTC: `28 November 2026`. */
export const dayIn = (locale: string, instant: Date): string =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' }).format(instant);

/** A number as it is written in a language: `12,480`. */
export const numberIn = (locale: string, number: number): string =>
  new Intl.NumberFormat(locale).format(number);
