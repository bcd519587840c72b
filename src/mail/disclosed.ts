import type { DisclosedField, Target } from '../../schema/db/tables/petitions.js';
import type { Catalogue } from './catalogue.js';
import { say } from './words.js';

/**
 * What those whom a petition addresses will be given of a signature, in one sentence of plain text, as the element says
 * it; null: nothing but what every delivery shows. Names keep their own direction within the sentence.
 */
export function disclosedSentence(
  { embed, locale }: Pick<Catalogue, 'embed' | 'locale'>,
  fields: readonly DisclosedField[],
  targets: readonly Pick<Target, 'name'>[],
): string | null {
  if (fields.length === 0) return null;
  const list = new Intl.ListFormat(locale);
  const names = targets.map(({ name }) => `\u2068${name}\u2069`);
  return say(embed.disclosed, {
    fields: list.format(fields.map((field) => embed[`disclosed_${field}`])),
    targets: names.length === 0 ? '' : ` (${list.format(names)})`,
  });
}
