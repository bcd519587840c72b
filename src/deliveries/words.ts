/* The words of a delivery's pages, from the section `delivery` of a language's catalogue. */

export const DELIVERY_KEYS = [
  'to',
  'statement',
  'counts',
  'cut',
  'total',
  'listed',
  'unlisted_hidden',
  'unlisted_partner',
  'unlisted_paper',
  'unlisted_elsewhere',
  'weeded',
  'weeded_unsaid',
  'delivery',
  'continues',
  'continues_root',
  'listed_since',
  'total_since',
  'struck',
  'struck_lines',
  'by_country',
  'by_partner',
  'names',
  'volume',
  'page',
  'not_drawn',
  'not_named',
  'not_stated',
  'own',
  'column_number',
  'column_name',
  'column_country',
  'column_region',
  'column_postal_code',
  'column_city',
  'column_date',
  'column_comment',
  'column_partner',
] as const;

export type DeliveryWords = Record<(typeof DELIVERY_KEYS)[number], string>;

/** The values that the words can name. */
export const DELIVERY_VALUES = [
  'recipient',
  'organization',
  'date',
  'volume',
  'volumes',
  'from',
  'to',
  'page',
  'pages',
  'line',
  'delivery',
  'root',
  'lines',
] as const;

/** A text with its values in place. */
export const fill = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/\{\{ *([a-z]+) *\}\}/g, (whole, name: string) => values[name] ?? whole);
