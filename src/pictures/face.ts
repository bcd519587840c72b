/** What a picture says: plain values, so that they pass to another thread. */
export type Face = {
  title: string;
  organization: string;
  /** Each line in several wordings, the best first: the first that the fonts have letters for is drawn. */
  count: readonly string[];
  goal: readonly string[];
  /** How far it is to the goal, 0 to 1; null: there is none. */
  progress: number | null;
};

export const PICTURE_WIDTH = 1200;
export const PICTURE_HEIGHT = 630;
