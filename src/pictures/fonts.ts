import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/*
 * The letters of pictures, by package and part of it. What is not among them is not drawn: see draw.ts. Chinese, Japanese
 * and Korean are missing on purpose: their fonts are many times as large as all the rest of this product. The Arabic one
 * has every letter in one piece: the layout engine puts loose dots in wrong places where text runs from the right.
 */
const NOTO = 'latin latin-ext greek greek-ext cyrillic cyrillic-ext vietnamese devanagari'.split(' ');
const PARTS: readonly (readonly [name: string, part: string])[] = [
  ...NOTO.map((part) => ['noto-sans', part] as const),
  ['noto-sans-hebrew', 'hebrew'],
  ['ibm-plex-sans-arabic', 'arabic'],
];
const WEIGHTS = [400, 700] as const;

const { resolve } = createRequire(import.meta.url);

export type LoadedFont = { name: string; weight: (typeof WEIGHTS)[number]; style: 'normal'; data: Buffer };

/** Read once, and passed on as the same list: the layout engine remembers by it what it has parsed. */
export const loadFonts = (): LoadedFont[] =>
  PARTS.flatMap(([name, part]) =>
    WEIGHTS.map((weight) => ({
      // Parts of one name would hide each other.
      name: `${name}-${part}`,
      weight,
      style: 'normal' as const,
      data: readFileSync(resolve(`@fontsource/${name}/files/${name}-${part}-${weight}-normal.woff`)),
    })),
  );
