import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as fontkit from 'fontkit';
import * as harfbuzz from 'harfbuzzjs';
import { decompress } from 'wawoff2';
import { embedOutlines } from './outlines.js';
import { unpackWoff } from './sfnt.js';

/*
 * The fonts of a delivery, chosen by what they have glyphs for. All are under the SIL Open Font License. Those of Chinese,
 * Japanese and Korean come in more than a hundred slices each, which are loaded when a text needs them.
 */

export const WEIGHTS = [400, 700] as const;
export type Weight = (typeof WEIGHTS)[number];

/** Whose forms Chinese characters take, where a text does not say it by other letters. */
export type Han = 'sc' | 'jp' | 'kr';

/** Part of a font, as packages split it. */
export type Part = {
  name: string;
  /** For putting its outlines into documents. */
  font: fontkit.Font;
  /** For shaping. fontkit shapes too, but every third word of Bengali wrongly. */
  shaper: harfbuzz.Font;
  has: (codePoint: number) => boolean;
  /** Glyphs alone do not tell the letters, since they were joined, moved or turned round. */
  isComplex: boolean;
};

type Source = readonly [name: string, part: string, isComplex?: boolean];

const NOTO = 'latin latin-ext vietnamese greek greek-ext cyrillic cyrillic-ext'.split(' ');
const SOURCES: readonly Source[] = [
  ...NOTO.map((part) => ['noto-sans', part] as const),
  ['noto-sans-hebrew', 'hebrew', true],
  // The same as in pictures: each letter is a single glyph.
  ['ibm-plex-sans-arabic', 'arabic', true],
  ['noto-sans', 'devanagari', true],
  ['noto-sans-bengali', 'bengali', true],
  ['noto-sans-tamil', 'tamil', true],
  ['noto-sans-thai', 'thai', true],
  ['noto-sans-georgian', 'georgian'],
  ['noto-sans-armenian', 'armenian'],
  ['noto-sans-ethiopic', 'ethiopic'],
];

const require = createRequire(import.meta.url);

function partOf(name: string, data: Buffer, isComplex: boolean, weight?: Weight): Part {
  const made = fontkit.create(data);
  if (!('getVariation' in made)) throw new Error(`${name} is a collection of fonts`);
  const font = weight === undefined ? made : made.getVariation({ wght: weight });
  if (weight !== undefined) embedOutlines(font);
  // pdfkit would take slices with the same name for one font.
  Object.defineProperty(font, 'postscriptName', { value: name });
  const set = new Set(font.characterSet);
  const shaper = new harfbuzz.Font(new harfbuzz.Face(new harfbuzz.Blob(data)));
  if (weight !== undefined) shaper.setVariations([new harfbuzz.Variation('wght', weight)]);
  return { name, font, shaper, has: (codePoint) => set.has(codePoint), isComplex };
}

/** The slice with each character, by character. */
function slicesOf(family: Han): Map<number, string> {
  const ranges = require(`@fontsource-variable/noto-sans-${family}/unicode.json`) as Record<string, string>;
  const slices = new Map<number, string>();
  for (const [slice, list] of Object.entries(ranges)) {
    // Others than [0] to [123] are the Latin letters and the like, which the fonts above have.
    if (!slice.startsWith('[')) continue;
    for (const range of list.split(',')) {
      const [from = 0, to = from] = range
        .replace('U+', '')
        .split('-')
        .map((hex) => parseInt(hex, 16));
      for (let one = from; one <= to; one += 1) slices.set(one, slice.slice(1, -1));
    }
  }
  return slices;
}

/** Characters of Chinese, Japanese and Korean begin here. */
const FIRST_SLICED = 0x1100;

const FAMILIES: Record<Han, readonly Han[]> = {
  sc: ['sc', 'jp', 'kr'],
  jp: ['jp', 'sc', 'kr'],
  kr: ['kr', 'sc', 'jp'],
};

/** Clusters that are remembered, at most. Names have some thousands. */
const MOST_KNOWN = 20_000;

/** All fonts of a thread, shared by its documents. */
export class Fonts {
  readonly #small = new Map<Weight, Part[]>();
  readonly #sliceOf = new Map<Han, Map<number, string>>();
  /** Slices that were loaded. */
  readonly #slices = new Map<string, Part>();
  /** The part for each cluster that was asked for. */
  readonly #chosen = new Map<string, Map<string, Part | null>>();

  /** The part that has the whole cluster: a letter with its marks. Null: none has, or `load` was not called with it. */
  partFor(cluster: string, weight: Weight, han: Han): Part | null {
    const chosen = this.#chosenFor(weight, han);
    const known = chosen.get(cluster);
    if (known !== undefined) return known;
    if (chosen.size >= MOST_KNOWN) chosen.clear();
    const part = this.#find(codePointsOf(cluster), weight, han);
    chosen.set(cluster, part);
    return part;
  }

  /** Loads what is missing to draw the text. */
  async load(text: string, weight: Weight, han: Han): Promise<void> {
    const chosen = this.#chosenFor(weight, han);
    for (const character of text.normalize('NFC')) {
      const codePoint = character.codePointAt(0) ?? 0;
      if (codePoint < FIRST_SLICED || chosen.get(character)) continue;
      const place = this.#placeOf(codePoint, han);
      const name = `${place?.family} ${place?.slice} ${weight}`;
      if (!place || this.#slices.has(name)) continue;
      this.#slices.set(name, await loadSlice(place.family, place.slice, weight));
      for (const [key, part] of chosen) if (part === null) chosen.delete(key);
    }
  }

  #chosenFor(weight: Weight, han: Han): Map<string, Part | null> {
    const name = `${weight} ${han}`;
    let chosen = this.#chosen.get(name);
    if (!chosen) this.#chosen.set(name, (chosen = new Map<string, Part | null>()));
    return chosen;
  }

  #find(codePoints: readonly number[], weight: Weight, han: Han): Part | null {
    const hasAll = (part: Part) => codePoints.every(part.has);
    const small = this.#smallOf(weight).find(hasAll);
    if (small) return small;
    const place = this.#placeOf(codePoints[0] ?? 0, han);
    const slice = place && this.#slices.get(`${place.family} ${place.slice} ${weight}`);
    return slice && hasAll(slice) ? slice : null;
  }

  #placeOf(codePoint: number, han: Han): { family: Han; slice: string } | undefined {
    if (codePoint < FIRST_SLICED) return undefined;
    for (const family of FAMILIES[han]) {
      let slices = this.#sliceOf.get(family);
      if (!slices) this.#sliceOf.set(family, (slices = slicesOf(family)));
      const slice = slices.get(codePoint);
      if (slice !== undefined) return { family, slice };
    }
    return undefined;
  }

  #smallOf(weight: Weight): Part[] {
    let parts = this.#small.get(weight);
    if (!parts) {
      parts = SOURCES.map(([name, part, isComplex = false]) => {
        const file = require.resolve(`@fontsource/${name}/files/${name}-${part}-${weight}-normal.woff`);
        return partOf(`${name}-${part}-${weight}`, unpackWoff(readFileSync(file)), isComplex);
      });
      this.#small.set(weight, parts);
    }
    return parts;
  }
}

/** Joiners have no glyph of their own. */
const codePointsOf = (cluster: string): number[] =>
  Array.from(cluster, (character) => character.codePointAt(0) ?? 0).filter(
    (one) => one !== 0x200c && one !== 0x200d,
  );

async function loadSlice(family: Han, slice: string, weight: Weight): Promise<Part> {
  const name = `noto-sans-${family}`;
  const file = require.resolve(`@fontsource-variable/${name}/files/${name}-${slice}-wght-normal.woff2`);
  const data = Buffer.from(await decompress(readFileSync(file)));
  return partOf(`${name}-${slice}-${weight}`, data, false, weight);
}
