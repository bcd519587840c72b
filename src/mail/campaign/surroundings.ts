import { contrast, LEAST, type Rgb } from '../../core/organization/colors.js';

/*
 * What stands around a place in sanitised HTML: whether readers can see what is put there, and on which colour. It is
 * asked for the footer, which has to be seen. The blocks bring their own size and colour of text, so only what they
 * do not decide themselves can hide them.
 */

type Around = { tag: string; attributes: string };

/** The elements that are open at a place. */
function openAt(html: string, place: number): Around[] {
  const open: Around[] = [];
  for (const [, end, tag = '', attributes = ''] of html
    .slice(0, place)
    .matchAll(/<(\/?)([a-z][a-z0-9]*)([^>]*)>/gi)) {
    if (/^(?:br|hr|img)$/i.test(tag)) continue;
    if (end === '') open.push({ tag: tag.toLowerCase(), attributes });
    else open.pop();
  }
  return open;
}

/** The footer is made of blocks, which would end a paragraph or a heading that they stand in. */
const FLOW = ['div', 'center', 'blockquote', 'ul', 'ol', 'li'];
/** What each part of a table has to stand in: browsers take others out of it, and out of its colours. */
const TABLE: Readonly<Record<string, readonly string[]>> = {
  td: ['tr'],
  th: ['tr'],
  tr: ['table', 'tbody', 'thead', 'tfoot'],
  tbody: ['table'],
  thead: ['table'],
  tfoot: ['table'],
};

/** Whether browsers put a block where it is written. */
const isKept = (around: readonly Around[]): boolean =>
  around.every(({ tag }, i) => {
    const inner = around[i + 1]?.tag ?? 'div';
    const fits = TABLE[inner]?.includes(tag) ?? false;
    const isCell = tag === 'td' || tag === 'th';
    const isFlow =
      FLOW.includes(tag) || (isCell && (TABLE[tag]?.includes(around[i - 1]?.tag ?? '') ?? false));
    return isFlow ? TABLE[inner] === undefined : fits;
  });

const NARROWEST_PX = 150;
const NARROWEST_PERCENT = 40;
const WIDEST_EDGE_PX = 200;

type Surroundings = {
  /** Whether what is put there is seen, in its own colours or in `color`. */
  isSeen: boolean;
  /** The colour behind it; null: that of the page. */
  background: string | null;
};

export function surroundingsAt(html: string, place: number): Surroundings {
  const around = openAt(html, place);
  const backgrounds = around.map(backgroundOf).filter((one) => one !== undefined);
  const background = backgrounds.at(-1) ?? null;
  const isSeen =
    isKept(around) && !around.some(isHiding) && (background === null || rgbOf(background) !== undefined);
  return { isSeen, background };
}

const styleOf = ({ attributes }: Around): Map<string, string> =>
  new Map(
    (/\sstyle="([^"]*)"/i.exec(attributes)?.[1] ?? '').split(';').flatMap((one) => {
      const colon = one.indexOf(':');
      if (colon < 0) return [];
      return [
        [
          one.slice(0, colon).trim().toLowerCase(),
          one
            .slice(colon + 1)
            .trim()
            .toLowerCase(),
        ],
      ];
    }),
  );

const attributeOf = ({ attributes }: Around, name: string): string | undefined =>
  new RegExp(`\\s${name}="([^"]*)"`, 'i').exec(attributes)?.[1]?.trim().toLowerCase();

function isHiding(element: Around): boolean {
  const isCell = ['td', 'th'].includes(element.tag);
  for (const [name, value] of styleOf(element)) {
    if (/^(?:max-)?width$/.test(name) && isNarrow(value)) return true;
    // The height of a cell is the least that it has.
    if (name === 'height' && !isCell && isNarrow(value)) return true;
    if (name === 'letter-spacing' && lengthsOf(value).some(({ size }) => size < 0)) return true;
    if (/^(?:margin|padding|text-indent)/.test(name) && lengthsOf(value).some(isFar)) return true;
  }
  const width = attributeOf(element, 'width');
  return width !== undefined && isNarrow(/^\d+$/.test(width) ? `${width}px` : width);
}

type Length = { size: number; unit: string };
const lengthsOf = (value: string): Length[] =>
  [...value.matchAll(/(-?(?:\d+\.?\d*|\.\d+))([a-z%]*)/g)].map(([, size, unit = '']) => ({
    size: Number(size),
    unit,
  }));

const PIXELS: Readonly<Record<string, number>> = { px: 1, '': 1, pt: 4 / 3, em: 16, rem: 16, vw: 4, vh: 7 };
const isNarrow = (value: string): boolean =>
  lengthsOf(value).some(({ size, unit }) =>
    unit === '%' ? size < NARROWEST_PERCENT : size * (PIXELS[unit] ?? 0) < NARROWEST_PX,
  );
const isFar = ({ size, unit }: Length): boolean =>
  size < 0 || (unit === '%' ? size > NARROWEST_PERCENT : size * (PIXELS[unit] ?? 1000) > WIDEST_EDGE_PX);

/** Undefined: it has none of its own. */
function backgroundOf(element: Around): string | undefined {
  const style = styleOf(element);
  const [one, other] = [style.get('background-color'), style.get('background')];
  // Which of the two holds depends on their order.
  if (one !== undefined && other !== undefined && one !== other) return 'either';
  const said = one ?? other ?? attributeOf(element, 'bgcolor');
  return said === undefined || ['transparent', 'none', 'inherit', 'initial', ''].includes(said)
    ? undefined
    : said;
}

const NAMES: Readonly<Record<string, string>> = {
  white: '#ffffff',
  silver: '#c0c0c0',
  gray: '#808080',
  grey: '#808080',
  black: '#000000',
  red: '#ff0000',
  maroon: '#800000',
  yellow: '#ffff00',
  olive: '#808000',
  lime: '#00ff00',
  green: '#008000',
  aqua: '#00ffff',
  teal: '#008080',
  blue: '#0000ff',
  navy: '#000080',
  fuchsia: '#ff00ff',
  purple: '#800080',
  orange: '#ffa500',
};

/** An opaque colour; undefined: it is not understood. */
function rgbOf(said: string): Rgb | undefined {
  const color = NAMES[said] ?? said;
  const rgb = /^rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)\s*(?:[,/]\s*1(?:\.0*)?\s*)?\)$/.exec(color);
  if (rgb) return triple(rgb.slice(1, 4).map((part) => Math.min(255, Number(part))));
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/.exec(color)?.[1];
  if (hex === undefined) return undefined;
  const whole = hex.length === 3 ? hex.replace(/./g, '$&$&') : hex;
  return triple([0, 2, 4].map((at) => Number.parseInt(whole.slice(at, at + 2), 16)));
}

const triple = ([red = 0, green = 0, blue = 0]: number[]): Rgb => [red, green, blue];

/** The first of these colours that can be read on a background, else black or white: one of them always can. */
export function readableOn(background: string, ...wanted: string[]): string {
  const behind = rgbOf(background) ?? [255, 255, 255];
  const all = [...wanted, '#000000', '#ffffff'];
  return all.find((color) => contrast(rgbOf(color) ?? behind, behind) >= LEAST) ?? '#000000';
}
