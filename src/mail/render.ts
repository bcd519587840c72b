import type { Letter } from '../core/letters/letter.js';
import { composeBlocks, valuesOf } from './blocks.js';
import { toHtml } from './html.js';
import type { Locales } from './locales.js';
import { toPlainText } from './plain-text.js';
import { say } from './words.js';

export type Rendered = {
  /** Who it says that it comes from. */
  sender: string;
  subject: string;
  html: string;
  text: string;
  /** The language that it is in, which need not be the one that was asked for. */
  lang: string;
};

export type Render = (letter: Letter) => Rendered;

/** Puts letters into words, in the closest language that there is. The same letter gives the same mail. */
export const createRenderer =
  (locales: Pick<Locales, 'pick'>): Render =>
  (letter) => {
    const catalogue = locales.pick(letter.locale);
    const blocks = composeBlocks(letter, catalogue);
    const subject = headerLine(say(catalogue.mail[letter.template].subject, valuesOf(letter)), 250);
    return {
      sender: headerLine(letter.organization?.name ?? say(catalogue.mail.common.sender), 100),
      subject,
      html: toHtml(blocks, { ...catalogue, subject }),
      text: toPlainText(blocks),
      lang: catalogue.locale,
    };
  };

/**
 * One line that is fit for a header: without line breaks and control characters, and without those that turn the
 * direction of writing, which can make a sender look like another.
 */
export function headerLine(text: string, longest: number): string {
  const line = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  const characters = [...line];
  return characters.length > longest ? `${characters.slice(0, longest - 1).join('')}…` : line;
}
