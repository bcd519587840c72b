import type { Petition } from './api.js';

type Own = Petition['words'][number];

/** The organization's own words of this kind, in the language that was asked for, else in the petition's. */
export function ownWords(
  { words, locale }: Petition,
  asked: string,
  kind: 'button' | 'thanks_html',
): Own | undefined {
  for (let tag of [asked, locale]) {
    for (; tag; tag = tag.replace(/-?[^-]*$/, '')) {
      const own = words.find((one) => one.locale === tag && one[kind]);
      if (own) return own;
    }
  }
  return undefined;
}
