import type { Line } from './core/deliveries/entries.js';
import type { Making } from './core/deliveries/making.js';
import type { Tallied } from './core/deliveries/tally.js';
import type { Delivery as DeliveryRow } from './core/deliveries/cut.js';
import type { Delivery } from './deliveries/delivery.js';
import type { Locales } from './mail/locales.js';

/* From what the database says of a delivery to what its files are drawn from. */

/** The group of a line, and the order of groups: by the names of countries, those without one last. */
export function groupOf({ groupBy, locale }: Pick<DeliveryRow, 'groupBy' | 'locale'>): {
  of: (line: Line) => string;
  compare: (a: string, b: string) => number;
} {
  const names = new Intl.DisplayNames([locale, 'en'], { type: 'region' });
  const { compare } = new Intl.Collator([locale, 'en'], { numeric: true });
  const known = new Map<string, string>();
  const nameOf = (country: string): string => {
    let name = known.get(country);
    if (name === undefined) known.set(country, (name = names.of(country) ?? country));
    return name;
  };
  const place = (text: string | null | undefined) => (text ? `0${text}` : '1');
  return {
    of: ({ country, region, postal_code: code }) => {
      if (groupBy === 'none') return '';
      const land = place(country && nameOf(country));
      if (groupBy === 'country') return land;
      return `${land}\n${place(groupBy === 'region' ? region : code?.slice(0, 2))}`;
    },
    compare: (a, b) => {
      const [landA = '', restA = ''] = a.split('\n');
      const [landB = '', restB = ''] = b.split('\n');
      return compare(landA, landB) || compare(restA, restB);
    },
  };
}

/** All that was signed: the text of the petition, and below it those of its translations. */
function statementsOf(own: string, translated: Making['translated'], locale: string): string {
  const names = new Intl.DisplayNames([locale, 'en'], { type: 'language' });
  const others = translated.map((one) => `**${names.of(one.locale) ?? one.locale}**\n\n${one.statement}`);
  return [own, ...others].join('\n\n');
}

/** What the files are drawn from. */
export function deliveryOf(
  { delivery: row, petition, translated, organization, after, weeded }: Making,
  { counts, sums }: Tallied,
  struck: ReadonlyMap<string, number[]>,
  locales: Locales,
): Delivery {
  const { name, title, organization: body } = row.recipient;
  return {
    id: row.publicId,
    petition: petition.publicId,
    after: after && { id: after.publicId, root: after.root },
    organization,
    title: petition.title,
    statement: statementsOf(petition.statement, translated, row.locale),
    coverLetter: row.letter,
    recipient: [name, title, body].filter(Boolean).join(', '),
    cutAt: row.cutAt.toISOString(),
    locale: row.locale,
    words: locales.pick(row.locale).delivery,
    pageSize: row.pageSize,
    columns: row.columns,
    groupBy: row.groupBy,
    sums: { country: sums.country, partner: sums.partner },
    unlisted: {
      hidden: counts.hidden,
      partners:
        sums.partners_alone.length > 0 || counts.by_partners === 0
          ? sums.partners_alone
          : [{ name: '', count: counts.by_partners }],
      paper: counts.paper,
      elsewhere: counts.elsewhere,
    },
    // The reasons are for the organization alone: they may name people.
    weeded:
      weeded.length === 0 ? [] : [{ reason: '', count: weeded.reduce((sum, { count }) => sum + count, 0) }],
    struck: [...struck].map(([delivery, lines]) => ({ delivery, lines })),
    encryptTo: row.encryptTo,
    lines: counts.listed,
    linesPerVolume: row.linesPerVolume,
    formats: row.formats,
  };
}
