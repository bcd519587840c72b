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
const INNER = PICTURE_WIDTH - EDGE - 2 * MARGIN;

export type Style = Record<string, string | number>;
export type Box = { type: 'div'; props: { style: Style; dir?: Direction; children?: Box | string | Box[] } };
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
/** The space for the title, in pixels. */
export const TITLE_ROOM = { width: INNER, height: 292 };
const LINE_HEIGHT = 1.18;

export const linesFor = (size: number): number => Math.floor(TITLE_ROOM.height / (size * LINE_HEIGHT));

/** A title and its font size; `cut`: it fits in no size, and ends with an ellipsis. */
export type Title = { text: string; size: number; cut: boolean };

/** The box of the title, for measuring and for drawing. */
export const titleBox = ({ text, size, cut }: Title): Box =>
  words(text, directionOf(text), {
    width: TITLE_ROOM.width,
    fontSize: size,
    fontWeight: 700,
    lineHeight: LINE_HEIGHT,
    color: INK,
    // Not both: together they would cut text that still fits.
    ...(cut ? { lineClamp: linesFor(size) } : { textWrap: 'balance' }),
  });

/** The texts of a picture that the fonts can draw. Empty texts are left out. */
export type Lines = {
  title: Title | null;
  organization: string;
  color: string;
  count: string;
  goal: string;
  progress: number | null;
};

/** The whole picture. Without a title, count and goal are drawn large. */
export function pictureBox(lines: Lines): Box {
  const { title, organization, color, count, goal, progress } = lines;
  const direction = directionOf(title?.text ?? organization);
  const rtl = direction === 'rtl';
  const bar = progress === null ? [] : [barBox(progress, rtl, color)];
  const parts = title
    ? [titleBox(title), box({ flexDirection: 'column', gap: 20 }, [figuresBox(count, goal, rtl), ...bar])]
    : [largeFiguresBox(count, goal, rtl), ...(bar.length > 0 ? bar : [box({})])];
  const name = line(organization, direction, {
    width: INNER,
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
          width: INNER + 2 * MARGIN,
          padding: `58px ${MARGIN}px 60px`,
        },
        [name, ...parts],
      ),
    ],
  );
}

/** Count and goal on one line. */
const figuresBox = (count: string, goal: string, rtl: boolean): Box =>
  box(
    {
      flexDirection: rtl ? 'row-reverse' : 'row',
      alignItems: 'baseline',
      justifyContent: 'space-between',
      width: INNER,
    },
    [
      line(count, directionOf(count), {
        maxWidth: INNER * 0.62,
        fontSize: 46,
        fontWeight: 700,
        color: INK,
      }),
      line(goal, directionOf(goal), { maxWidth: INNER * 0.36, fontSize: 30, color: QUIET }),
    ],
  );

const largeFiguresBox = (count: string, goal: string, rtl: boolean): Box =>
  box({ flexDirection: 'column', alignItems: rtl ? 'flex-end' : 'flex-start', width: INNER }, [
    line(count, directionOf(count), { maxWidth: INNER, fontSize: 92, fontWeight: 700, color: INK }),
    line(goal, directionOf(goal), { maxWidth: INNER, fontSize: 40, color: QUIET }),
  ]);

function barBox(progress: number, rtl: boolean, color: string): Box {
  const height = 26;
  // Visible from the first signature on.
  const width = progress <= 0 ? 0 : Math.max(height, Math.round(Math.min(1, progress) * INNER));
  const round = { height, borderRadius: height / 2 };
  return box({ ...round, width: INNER, backgroundColor: TRACK, flexDirection: rtl ? 'row-reverse' : 'row' }, [
    box({ ...round, width, backgroundColor: color }),
  ]);
}
