import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/*
 * The fonts of pictures, by package and subset. Characters without a font are not drawn: see draw.ts. Chinese, Japanese
 * and Korean are left out on purpose: their fonts are many times as large as the rest of this product. The Arabic font
 * must have each letter as a single glyph: in right-to-left text, the layout engine misplaces separate dots.
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

/** Loads the fonts. Call it once and reuse the list: the layout engine caches parsed fonts by its identity. */
export const loadFonts = (): LoadedFont[] =>
  PARTS.flatMap(([name, part]) =>
    WEIGHTS.map((weight) => ({
      // Unique names: subsets with the same name would replace each other.
      name: `${name}-${part}`,
      weight,
      style: 'normal' as const,
      data: readFileSync(resolve(`@fontsource/${name}/files/${name}-${part}-${weight}-normal.woff`)),
    })),
  );
