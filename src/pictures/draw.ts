import { Resvg } from '@resvg/resvg-js';
import satori from 'satori';
import { PICTURE_HEIGHT, PICTURE_WIDTH, type Face } from './face.js';
import { loadFonts } from './fonts.js';
import { linesFor, pictureBox, TITLE_ROOM, TITLE_SIZES, titleBox, type Box, type Title } from './layout.js';
import { legible, plain } from './letters.js';

const fonts = loadFonts();
const FONT = { fontFamily: fonts[0]?.name ?? '' };

/** Draws a picture as PNG. Nothing is fetched: all that is on it are words, in the fonts that are installed. */
export async function draw(face: Face): Promise<Uint8Array> {
  const missing = await missingFrom([face.title, face.organization, ...face.count, ...face.goal]);
  const drawable = (text: string) => legible(text, missing);
  const title = drawable(face.title);
  const svg = await layOut(
    pictureBox({
      title: title === '' ? null : await fit(title),
      organization: drawable(face.organization),
      count: face.count.map(drawable).find(Boolean) ?? '',
      goal: face.goal.map(drawable).find(Boolean) ?? '',
      progress: face.progress,
    }),
  );
  return new Resvg(svg, { font: { loadSystemFonts: false }, logLevel: 'off' }).render().asPng();
}

type Watch = {
  /** Called with characters that no font has. */
  missing?: (characters: string) => void;
  /** Called with each box once its place is known. */
  placed?: (box: { height: number; textContent?: string }) => void;
};

function layOut(root: Box, { missing, placed }: Watch = {}): Promise<string> {
  return satori(box(FONT, root), {
    width: PICTURE_WIDTH,
    height: PICTURE_HEIGHT,
    fonts,
    // Here others fetch fonts and emoji.
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

/** Which characters the fonts have, of those that were asked for so far. */
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

/** The title in the largest size that it has room in, else cut in the smallest. */
async function fit(text: string): Promise<Title> {
  for (const size of TITLE_SIZES) {
    const title = { text, size, cut: false };
    // No letters are so narrow: measuring would be for nothing.
    const least = (text.length * size * 0.3) / TITLE_ROOM.width;
    if (least <= linesFor(size) && (await heightOf(title)) <= TITLE_ROOM.height) return title;
  }
  return { text, size: Math.min(...TITLE_SIZES), cut: true };
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
