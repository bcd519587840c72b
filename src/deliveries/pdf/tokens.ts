import bidiFactory from 'bidi-js';
import type { Fonts, Han, Part, Weight } from './fonts.js';
import type { Piece } from './shape.js';

/*
 * Cuts a text into what is drawn at once: one font, one direction, no place to break a line inside. Tokens are in the order
 * in which they are read.
 */

export type Token = {
  text: string;
  /** Null: no font has it. */
  part: Part | null;
  /** As in the Unicode Bidirectional Algorithm: an odd level runs from right to left. */
  level: number;
  isSpace: boolean;
  /** Whether a line may begin with it. */
  canBegin: boolean;
  isSlanted: boolean;
  /** Its glyphs in the present document, once they were looked for; null: there are none. */
  piece?: { found: Piece | null } | undefined;
};

export type Face = { weight: Weight; han: Han };

const JOINERS = '\u200c\u200d';
/** Characters without a glyph. Joiners stay where they join letters. */
const INVISIBLE = new RegExp(
  `(?![${JOINERS}])[\\p{Default_Ignorable_Code_Point}\\p{Control}]|` +
    `(?<![\\p{Letter}\\p{Mark}])[${JOINERS}]+|[${JOINERS}]+(?![\\p{Letter}\\p{Mark}])`,
  'gu',
);

/** Part of a text without what cannot be seen, its letters as single characters where there are any. */
export const visible = (text: string): string =>
  text.normalize('NFC').replace(/\s+/gu, ' ').replace(INVISIBLE, '');

/** A text on one line without what cannot be seen. */
export const plain = (text: string): string =>
  // Most names are so already.
  NEAT.test(text) ? text : visible(text).replace(/ {2,}/g, ' ').trim();

/** Letters of ASCII with single spaces between them. */
const NEAT = /^[!-~]+(?: [!-~]+)*$/;

export const runsBackwards = (text: string): boolean => RIGHT_TO_LEFT.test(text);

const SIMPLE = /^[\x20-\x7e]*$/;
const CLUSTER = /[^\p{Mark}\u200c\u200d]?[\p{Mark}\u200c\u200d]*/gu;
/** Hebrew, Arabic and their neighbours. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;
const NO_WORD = /^[^\p{Letter}\p{Mark}]/u;
const IDEOGRAPH =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303f\uff00-\uffef]/u;
/** A line does not begin with these, nor end with those. */
const CLOSING = /^[\p{Close_Punctuation}\p{Final_Punctuation}\p{Other_Punctuation}\u30fc]/u;
const OPENING = /^[\p{Open_Punctuation}\p{Initial_Punctuation}]/u;
const BREAK_AFTER = /[-\u2010\u2013\u2014/]$/;
const THAI = /\p{Script=Thai}+/gu;

const bidi = bidiFactory();
const thaiWords = new Intl.Segmenter('th', { granularity: 'word' });

/** Kana and Hangul begin here. */
const FAR_EAST = /[\u1100-\uffff]/;

/** The forms that a text itself asks for: kana are Japanese, Hangul is Korean. */
export function hanOf(text: string, otherwise: Han): Han {
  if (!FAR_EAST.test(text)) return otherwise;
  if (/[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)) return 'jp';
  return /\p{Script=Hangul}/u.test(text) ? 'kr' : otherwise;
}

/** The tokens of a text that went through `plain`. */
export function tokensOf(text: string, face: Face, fonts: Fonts): Token[] {
  if (SIMPLE.test(text)) return simpleTokens(text, fonts.partFor('a', face.weight, face.han));
  const levels = runsBackwards(text) ? bidi.getEmbeddingLevels(text, 'auto').levels : undefined;
  const thai = thaiBreaks(text);
  const tokens: Token[] = [];
  let last: Token | undefined;
  let before = '';
  for (const { 0: cluster, index } of text.matchAll(CLUSTER)) {
    if (cluster === '') continue;
    const level = levels?.[index] ?? 0;
    const isSpace = cluster === ' ';
    const part: Part | null =
      last?.part && NO_WORD.test(cluster) && last.part.has(cluster.codePointAt(0) ?? 0)
        ? last.part
        : fonts.partFor(cluster, face.weight, face.han);
    const canBegin =
      !isSpace && (last?.isSpace === true || thai.has(index) || breaksBetween(before, cluster));
    if (last && !canBegin && last.part === part && last.level === level && last.isSpace === isSpace) {
      last.text += cluster;
    } else {
      tokens.push((last = { text: cluster, part, level, isSpace, canBegin, isSlanted: false }));
    }
    before = cluster;
  }
  return tokens;
}

function simpleTokens(text: string, part: Part | null): Token[] {
  const words = text.match(/ +|[^ -]*-+|[^ -]+/g) ?? [];
  return words.map((word, i) => ({
    text: word,
    part,
    level: 0,
    isSpace: word.startsWith(' '),
    canBegin: i > 0 && !word.startsWith(' '),
    isSlanted: false,
  }));
}

const NONE: ReadonlySet<number> = new Set();

/** Where Thai words begin, which have no spaces between them. */
function thaiBreaks(text: string): ReadonlySet<number> {
  if (!/\p{Script=Thai}/u.test(text)) return NONE;
  const breaks = new Set<number>();
  for (const { 0: run, index } of text.matchAll(THAI)) {
    for (const word of thaiWords.segment(run)) if (word.index > 0) breaks.add(index + word.index);
  }
  return breaks;
}

const breaksBetween = (before: string, after: string): boolean =>
  before !== '' &&
  ((BREAK_AFTER.test(before) && !NO_WORD.test(after)) ||
    ((IDEOGRAPH.test(before) || IDEOGRAPH.test(after)) && !CLOSING.test(after) && !OPENING.test(before)));

/** The tokens of one line in the order in which they stand on it, from left to right: rule L2 of the algorithm. */
export function inVisualOrder(line: readonly Token[]): readonly Token[] {
  let highest = 0;
  for (const { level } of line) if (level > highest) highest = level;
  if (highest === 0) return line;
  const ordered = [...line];
  for (let level = highest; level >= 1; level -= 1) {
    for (let from = 0; from < ordered.length; from += 1) {
      let to = from;
      while (to < ordered.length && (ordered[to]?.level ?? 0) >= level) to += 1;
      if (to > from + 1) ordered.splice(from, to - from, ...ordered.slice(from, to).reverse());
      from = Math.max(from, to);
    }
  }
  return ordered;
}
