import { Resvg } from '@resvg/resvg-js';
import satori from 'satori';
import { PICTURE_HEIGHT, PICTURE_WIDTH, type PictureContent } from './content.js';
import { loadFonts } from './fonts.js';
import {
  ACCENT,
  linesFor,
  PHOTO_WIDTH,
  pictureBox,
  SMALL_TITLE_SIZES,
  TITLE_SIZES,
  titleBox,
  titleRoom,
  type Box,
  type Title,
} from './layout.js';
import { legible, plain } from './glyphs.js';

const fonts = loadFonts();
const FONT = { fontFamily: fonts[0]?.name ?? '' };

/**
 * Draws a picture as PNG. It fetches nothing: a picture consists of texts in the installed fonts, a bar, and the campaign's
 * picture that it is given.
 */
export async function draw(content: PictureContent): Promise<Uint8Array> {
  const missing = await missingFrom([content.title, content.organization, ...content.count, ...content.goal]);
  const drawable = (text: string) => legible(text, missing);
  const title = drawable(content.title);
  const photo = content.picture && photoOf(content.picture);
  const svg = await layOut(
    pictureBox({
      title: title === '' ? null : await fit(title, photo !== null),
      organization: drawable(content.organization),
      color: content.color ?? ACCENT,
      count: content.count.map(drawable).find(Boolean) ?? '',
      goal: content.goal.map(drawable).find(Boolean) ?? '',
      progress: content.progress,
      photo,
    }),
  );
  return new Resvg(svg, { font: { loadSystemFonts: false }, logLevel: 'off' }).render().asPng();
}

type Watch = {
  /** Called with characters that are in no font. */
  missing?: (characters: string) => void;
  /** Called with each box once it is laid out. */
  placed?: (box: { height: number; textContent?: string }) => void;
};

function layOut(root: Box, { missing, placed }: Watch = {}): Promise<string> {
  return satori(box(FONT, root), {
    width: PICTURE_WIDTH,
    height: PICTURE_HEIGHT,
    fonts,
    // satori's hook for fetching fonts and emoji: used only to learn which characters are missing.
    loadAdditionalAsset: (_code, characters) => {
      missing?.(characters);
      return Promise.resolve([]);
    },
    ...(placed ? { onNodeDetected: placed } : {}),
  });
}

const box = (style: Box['props']['style'], child: Box): Box => ({
  type: 'div',
  props: {
    style: { display: 'flex', flexDirection: 'column', alignItems: 'flex-start', ...style },
    children: child,
  },
});

/** For each character seen so far, whether a font has it. */
const known = new Map<string, boolean>();

async function missingFrom(texts: readonly string[]): Promise<Set<string>> {
  const characters = [...new Set(texts.map(plain).join(''))];
  const unknown = characters.filter((one) => !known.has(one));
  if (unknown.length > 0) {
    for (const one of unknown) known.set(one, true);
    await layOut(
      { type: 'div', props: { style: { display: 'block', fontSize: 10 }, children: unknown.join(' ') } },
      { missing: (found) => [...found].forEach((one) => known.set(one, false)) },
    );
  }
  return new Set(characters.filter((one) => known.get(one) === false));
}

/** The campaign's picture as a data URL, cut to its place; null where the file cannot be decoded. */
function photoOf(picture: Uint8Array): string | null {
  // A PNG begins with 0x89, a JPEG with 0xff.
  const type = picture[0] === 0x89 ? 'png' : 'jpeg';
  const href = `data:image/${type};base64,${Buffer.from(picture).toString('base64')}`;
  const size = `width="${PHOTO_WIDTH}" height="${PICTURE_HEIGHT}"`;
  const drawn = new Resvg(
    `<svg xmlns="http://www.w3.org/2000/svg" ${size}><image ${size} preserveAspectRatio="xMidYMid slice" href="${href}"/></svg>`,
    { font: { loadSystemFonts: false }, logLevel: 'off' },
  ).render();
  if (drawn.pixels.every((byte) => byte === 0)) return null;
  return `data:image/png;base64,${drawn.asPng().toString('base64')}`;
}

/** The title in the largest size in which it fits, else in the smallest and cut off. */
async function fit(text: string, hasPhoto: boolean): Promise<Title> {
  const { width, height } = titleRoom(hasPhoto);
  const sizes = hasPhoto ? SMALL_TITLE_SIZES : TITLE_SIZES;
  for (const size of sizes) {
    const title = { text, size, width, cut: false };
    // A cheap lower bound (0.3 em per letter) avoids measuring sizes that cannot fit.
    const least = (text.length * size * 0.3) / width;
    if (least <= linesFor(size) && (await heightOf(title)) <= height) return title;
  }
  return { text, size: Math.min(...sizes), width, cut: true };
}

async function heightOf(title: Title): Promise<number> {
  let height = 0;
  await layOut(titleBox(title), {
    placed: (one) => {
      if (one.textContent !== undefined) height = one.height;
    },
  });
  return height;
}
