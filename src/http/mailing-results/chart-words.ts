import type { Figure } from '../../core/mailing-results/statistics.js';
import type { Catalogue } from '../../mail/catalogue.js';
import { say } from '../../mail/words.js';
import { HOUR_MS } from '../../time.js';

/* What a chart says, in the language of its reader. */

export type ChartWords = {
  locale: string;
  dir: 'ltr' | 'rtl';
  /** A text of the catalogue with its values, as plain text. */
  say: (key: keyof Catalogue['chart'], values?: object) => string;
  number: (n: number) => string;
  percent: (share: number) => string;
  /** What stands under a step of so many hours. `hour`: since 1970. */
  moment: (hour: number, hours: number) => string;
};

export function chartWords({ locale, dir, chart }: Catalogue): ChartWords {
  // Digits that every font has. English is read everywhere: the day before the month, and 24 hours.
  const tag = locale === 'en' ? 'en-GB' : locale;
  const latn = { numberingSystem: 'latn' };
  const numbers = new Intl.NumberFormat(tag, latn);
  const percents = [1, 2].map(
    (maximumFractionDigits) =>
      new Intl.NumberFormat(tag, { ...latn, style: 'percent', maximumFractionDigits }),
  );
  const utc = { ...latn, timeZone: 'UTC' };
  const day = new Intl.DateTimeFormat(tag, { ...utc, day: 'numeric', month: 'short' });
  const time = new Intl.DateTimeFormat(tag, { ...utc, hour: '2-digit', minute: '2-digit' });
  return {
    locale,
    dir,
    say: (key, values) => say(chart[key], values),
    number: (n) => numbers.format(n),
    percent: (share) => percents[share > 0 && share < 0.1 ? 1 : 0]?.format(share) ?? '',
    moment(hour, hours) {
      const at = new Date(hour * HOUR_MS);
      return hours < 24 ? `${day.format(at)}, ${time.format(at)}` : day.format(at);
    },
  };
}

/** The keys of the figures that have a panel. */
export const SERIES: readonly (Figure & keyof Catalogue['chart'])[] = ['sent', 'clicks', 'confirmed'];

export function unitOf(hours: number, { say: words }: ChartWords): string {
  if (hours === 1) return words('hour');
  if (hours === 24) return words('day');
  return hours % 24 === 0 ? words('days', { number: hours / 24 }) : words('hours', { number: hours });
}
