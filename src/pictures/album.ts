import { createHash } from 'node:crypto';
import type { Face } from './face.js';
import type { Renderer } from './renderer.js';

/** A picture as it was drawn. `etag` names its bytes. */
export type Picture = { png: Buffer; etag: string };

export type Wanted = {
  /** Of which petition. */
  id: string;
  /** What must never be out of date: when it differs, the picture is drawn anew. */
  edition: string;
  face: Face;
};

type Kept = Picture & { edition: string; figures: string; drawnAt: number };
type Underway = { edition: string; picture: Promise<Kept> };

/** How old a picture may be whose count has moved. */
const STALE_MS = 60_000;
/** A picture has 25 to 80 kB. */
const MOST_BYTES = 64 * 1024 * 1024;

const figuresOf = ({ count, goal, progress }: Face): string => JSON.stringify([count, goal, progress]);

/**
 * The last picture of each petition. It is drawn anew when its words change, and at most once a minute when its count
 * does. Those who ask at the same time get the same drawing. The least recently shown are forgotten first.
 */
export function createAlbum(renderer: Renderer, now: () => Date, mostBytes = MOST_BYTES) {
  const kept = new Map<string, Kept>();
  const underway = new Map<string, Underway>();
  let bytes = 0;

  function forget(id: string): void {
    bytes -= kept.get(id)?.png.length ?? 0;
    kept.delete(id);
  }

  function keep(id: string, picture: Kept): void {
    forget(id);
    kept.set(id, picture);
    bytes += picture.png.length;
    for (const oldest of kept.keys()) {
      if (bytes <= mostBytes || oldest === id) break;
      forget(oldest);
    }
  }

  /** The kept picture, if its words still hold. */
  function find({ id, edition }: Wanted): Kept | undefined {
    const known = kept.get(id);
    if (known?.edition !== edition) return undefined;
    kept.delete(id);
    kept.set(id, known);
    return known;
  }

  async function drawAnew({ id, edition, face }: Wanted): Promise<Kept> {
    const drawnAt = now().getTime();
    const png = await renderer.draw(face);
    const etag = `"${createHash('sha1').update(png).digest('base64url').slice(0, 22)}"`;
    const picture = { png, etag, edition, figures: figuresOf(face), drawnAt };
    keep(id, picture);
    return picture;
  }

  function share(wanted: Wanted): Promise<Kept> {
    const { id, edition } = wanted;
    const same = underway.get(id);
    if (same?.edition === edition) return same.picture;
    const picture = drawAnew(wanted);
    const mine = { edition, picture };
    underway.set(id, mine);
    const done = () => void (underway.get(id) === mine && underway.delete(id));
    picture.then(done, done);
    return picture;
  }

  return {
    /** The picture with these words, with a count that is at most a minute old. Throws what the renderer throws. */
    async show(wanted: Wanted): Promise<Picture> {
      const known = find(wanted);
      const fresh =
        known !== undefined &&
        (known.figures === figuresOf(wanted.face) || now().getTime() - known.drawnAt < STALE_MS);
      if (fresh) return known;
      // An older count is better than no picture.
      return share(wanted).catch((error: unknown) => known ?? Promise.reject(error as Error));
    },
  };
}

export type Album = ReturnType<typeof createAlbum>;
