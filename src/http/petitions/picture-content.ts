import { nextMilestone } from '../../core/counts/counts.js';
import { isOpenAt } from '../../core/petitions/petition-life.js';
import type { Pictured } from '../../core/petitions/pictures.js';
import type { Locales } from '../../mail/locales.js';
import { say } from '../../mail/words.js';
import type { PictureContent } from '../../pictures/content.js';

/**
 * The texts in the picture of a petition, in its language, or in English where there is no translation. Numbers are
 * always written as in the language of the petition.
 */
export function contentOf(
  { petition, lead, total }: Pictured,
  locales: Locales,
  now: Date,
): Omit<PictureContent, 'picture'> {
  const { title, locale, goals } = petition;
  const { picture: words, locale: spoken } = locales.pick(locale);
  const next = nextMilestone(goals, total);
  const goal = next ?? goals.at(-1) ?? null;
  const wordings = (text: string, number: number): string[] => {
    const written = numberIn(locale, number);
    return [say(text, { number: written, plural: pluralIn(spoken, number) }), written];
  };
  return {
    title,
    organization: lead.name,
    color: lead.color,
    count:
      total <= 0 && isOpenAt(petition, now)
        ? [say(words.first), ...wordings(words.signatures, 0)]
        : wordings(words.signatures, total),
    goal: goal === null ? [] : wordings(next === null ? words.goal_reached : words.goal, goal),
    progress: goal === null ? null : Math.max(0, Math.min(1, total / goal)),
  };
}

const numbers = new Map<string, Intl.NumberFormat>();
const plurals = new Map<string, Intl.PluralRules>();

/** The number as the language writes it, but with the digits 0 to 9, which all fonts have. */
const numberIn = (locale: string, number: number): string =>
  once(numbers, locale, () => new Intl.NumberFormat(locale, { numberingSystem: 'latn' })).format(number);

const pluralIn = (locale: string, number: number): string =>
  once(plurals, locale, () => new Intl.PluralRules(locale)).select(number);

/** Formatters are kept: making one costs more than a hundred uses of it. */
function once<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  let value = known.get(key);
  if (value === undefined) known.set(key, (value = make()));
  return value;
}
