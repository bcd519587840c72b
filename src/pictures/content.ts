/** The content of a picture. Plain values only, since it is passed to another thread. */
export type PictureContent = {
  title: string;
  organization: string;
  /** The organization's colour, which white can be read on; null: the default. */
  color: string | null;
  /** Alternative wordings of a line, the best first: the first one that the fonts can draw is used. */
  count: readonly string[];
  goal: readonly string[];
  /** Progress to the goal, 0 to 1; null without a goal. */
  progress: number | null;
  /** The campaign's picture, a PNG or JPEG; null: it has none. */
  picture: Uint8Array | null;
};

export const PICTURE_WIDTH = 1200;
export const PICTURE_HEIGHT = 630;
