import { PICTURE_HEIGHT, PICTURE_WIDTH } from './content.js';

/* The layout of a picture. Every text must have a contrast of at least 7:1; the name, in the colour of its
 * organization, of 4.5:1. */

const INK = '#10212e';
const QUIET = '#43525e';
const PAPER = '#ffffff';
export const ACCENT = '#0b6b50';
const TRACK = '#dfe6e3';
const MARGIN = 72;
const EDGE = 20;
/** The width of the campaign's picture, at the end of the lines. */
export const PHOTO_WIDTH = 320;

/** The width for texts; a campaign's picture takes some of it. */
const innerOf = (hasPhoto: boolean): number =>
  PICTURE_WIDTH - EDGE - 2 * MARGIN - (hasPhoto ? PHOTO_WIDTH : 0);

export type Style = Record<string, string | number>;
export type Box = {
  type: 'div' | 'img';
  props: {
    style: Style;
    dir?: Direction;
    children?: Box | string | Box[];
    src?: string;
    width?: number;
    height?: number;
  };
};
export type Direction = 'ltr' | 'rtl';

const box = (style: Style, children?: Box['props']['children']): Box => ({
  type: 'div',
  props: { style: { display: 'flex', ...style }, ...(children === undefined ? {} : { children }) },
});

const words = (text: string, direction: Direction, style: Style): Box => ({
  type: 'div',
  props: {
    dir: direction,
    style: { display: 'block', overflowWrap: 'anywhere', direction, ...style },
    children: text,
  },
});

/** A text on one line, cut with an ellipsis. */
const line = (text: string, direction: Direction, style: Style): Box =>
  words(text, direction, { lineClamp: 1, ...style });

/** The direction of a text, given by its first letter. */
export const directionOf = (text: string): Direction => {
  const [letter = ''] = /\p{Letter}/u.exec(text) ?? [];
  return /[\p{Script=Arabic}\p{Script=Hebrew}]/u.test(letter) ? 'rtl' : 'ltr';
};

export const TITLE_SIZES = [84, 76, 68, 60, 54, 48, 42] as const;
/** Beside a picture, where lines are short. */
export const SMALL_TITLE_SIZES = [68, 60, 54, 48, 42, 36] as const;
/** The space for the title, in pixels. */
const TITLE_HEIGHT = 292;
export const titleRoom = (hasPhoto: boolean) => ({ width: innerOf(hasPhoto), height: TITLE_HEIGHT });
const LINE_HEIGHT = 1.18;

export const linesFor = (size: number): number => Math.floor(TITLE_HEIGHT / (size * LINE_HEIGHT));

/** A title, its font size and width; `cut`: it fits in no size, and ends with an ellipsis. */
export type Title = { text: string; size: number; width: number; cut: boolean };

/** The box of the title, for measuring and for drawing. */
export const titleBox = ({ text, size, width, cut }: Title): Box =>
  words(text, directionOf(text), {
    width,
    fontSize: size,
    fontWeight: 700,
    lineHeight: LINE_HEIGHT,
    color: INK,
    // Not both: together they would cut text that still fits.
    ...(cut ? { lineClamp: linesFor(size) } : { textWrap: 'balance' }),
  });

/** The texts of a picture that the fonts can draw. Empty texts are left out. `photo`: a data URL, or null. */
export type Lines = {
  title: Title | null;
  organization: string;
  color: string;
  count: string;
  goal: string;
  progress: number | null;
  photo: string | null;
};

/** The whole picture. Without a title, count and goal are drawn large. */
export function pictureBox(lines: Lines): Box {
  const { title, organization, color, progress, photo } = lines;
  const direction = directionOf(title?.text ?? organization);
  const rtl = direction === 'rtl';
  const inner = innerOf(photo !== null);
  const bar = progress === null ? [] : [barBox(progress, { rtl, color, inner })];
  const parts = title
    ? [titleBox(title), box({ flexDirection: 'column', gap: 20 }, [figuresBox(lines, rtl), ...bar])]
    : [largeFiguresBox(lines, rtl), ...(bar.length > 0 ? bar : [box({})])];
  const name = line(organization, direction, {
    width: inner,
    height: 44,
    fontSize: 32,
    fontWeight: 700,
    color,
  });
  return box(
    {
      width: PICTURE_WIDTH,
      height: PICTURE_HEIGHT,
      backgroundColor: PAPER,
      flexDirection: rtl ? 'row-reverse' : 'row',
    },
    [
      box({ width: EDGE, height: '100%', backgroundColor: color }),
      box(
        {
          flexDirection: 'column',
          justifyContent: 'space-between',
          width: inner + 2 * MARGIN,
          padding: `58px ${MARGIN}px 60px`,
        },
        [name, ...parts],
      ),
      ...(photo === null ? [] : [photoBox(photo)]),
    ],
  );
}

/** It fills the whole height. No text is on it, so any picture leaves the texts readable. */
const photoBox = (src: string): Box => ({
  type: 'img',
  props: {
    src,
    width: PHOTO_WIDTH,
    height: PICTURE_HEIGHT,
    style: { width: PHOTO_WIDTH, height: PICTURE_HEIGHT, flexShrink: 0 },
  },
});

/** Count and goal on one line; on two beside a picture. */
function figuresBox({ count, goal, photo }: Lines, rtl: boolean): Box {
  const inner = innerOf(photo !== null);
  const countStyle = { fontSize: 46, fontWeight: 700, color: INK };
  const goalStyle = { fontSize: 30, color: QUIET };
  if (photo !== null) {
    return box({ flexDirection: 'column', alignItems: rtl ? 'flex-end' : 'flex-start', width: inner }, [
      line(count, directionOf(count), { maxWidth: inner, ...countStyle }),
      line(goal, directionOf(goal), { maxWidth: inner, ...goalStyle }),
    ]);
  }
  return box(
    {
      flexDirection: rtl ? 'row-reverse' : 'row',
      alignItems: 'baseline',
      justifyContent: 'space-between',
      width: inner,
    },
    [
      line(count, directionOf(count), { maxWidth: inner * 0.62, ...countStyle }),
      line(goal, directionOf(goal), { maxWidth: inner * 0.36, ...goalStyle }),
    ],
  );
}

function largeFiguresBox({ count, goal, photo }: Lines, rtl: boolean): Box {
  const inner = innerOf(photo !== null);
  const fontSize = photo === null ? 92 : 56;
  return box({ flexDirection: 'column', alignItems: rtl ? 'flex-end' : 'flex-start', width: inner }, [
    line(count, directionOf(count), { maxWidth: inner, fontSize, fontWeight: 700, color: INK }),
    line(goal, directionOf(goal), { maxWidth: inner, fontSize: 40, color: QUIET }),
  ]);
}

type Bar = { rtl: boolean; color: string; inner: number };

function barBox(progress: number, { rtl, color, inner }: Bar): Box {
  const height = 26;
  // Visible from the first signature on.
  const width = progress <= 0 ? 0 : Math.max(height, Math.round(Math.min(1, progress) * inner));
  const round = { height, borderRadius: height / 2 };
  return box({ ...round, width: inner, backgroundColor: TRACK, flexDirection: rtl ? 'row-reverse' : 'row' }, [
    box({ ...round, width, backgroundColor: color }),
  ]);
}
