import { createHash } from 'node:crypto';
import type { PictureContent } from './content.js';
import type { Renderer } from './renderer.js';

/** A drawn picture. `etag` is a hash of its bytes. */
export type Picture = { png: Buffer; etag: string };

export type Wanted = {
  /** The id of the petition, and the language. */
  id: string;
  /** Changes with the texts, which must never be out of date: with another edition the picture is drawn anew. */
  edition: string;
  content: Omit<PictureContent, 'picture'>;
  /** Gets the campaign's picture, or null for now; absent: it has none. */
  picture?: () => Promise<Uint8Array | null>;
};

/** `lacks`: it was drawn without the campaign's picture, which could not be had. */
type Kept = Picture & { edition: string; figures: string; drawnAt: number; lacks: boolean };
type Underway = { edition: string; picture: Promise<Kept> };

/** How old a picture may be whose count has changed. */
const STALE_MS = 60_000;
/** How long until a picture is drawn anew that lacks the campaign's. */
const LACKING_MS = 10 * 60_000;
/** The size of the cache; a picture has 25 to 80 kB, with the campaign's up to 700 kB. */
const MOST_BYTES = 64 * 1024 * 1024;

const figuresOf = ({ count, goal, progress }: Wanted['content']): string =>
  JSON.stringify([count, goal, progress]);

/**
 * Keeps the latest picture of each petition. It is redrawn when its texts change, and at most once a minute when only
 * its count does. Concurrent requests share a drawing. The least recently used pictures are evicted first.
 */
export class PictureCache {
  readonly #kept = new Map<string, Kept>();
  readonly #underway = new Map<string, Underway>();
  #bytes = 0;

  constructor(
    private readonly renderer: Pick<Renderer, 'draw'>,
    private readonly now: () => Date,
    private readonly mostBytes = MOST_BYTES,
  ) {}

  /** The picture with these texts, and a count that is at most a minute old. Throws the errors of the renderer. */
  async show(wanted: Wanted): Promise<Picture> {
    const known = this.#find(wanted);
    const age = known === undefined ? Infinity : this.now().getTime() - known.drawnAt;
    const fresh = known !== undefined && (known.figures === figuresOf(wanted.content) || age < STALE_MS);
    // If drawing fails, an older count is better than no picture.
    const draw = (one: Wanted): Promise<Picture> =>
      this.#share(one).catch((error: unknown) => known ?? Promise.reject(error as Error));
    if (known?.lacks && age >= LACKING_MS) {
      // Nobody waits for a server that has failed before: a new count is drawn without it.
      const shown = fresh ? known : await draw({ ...wanted, picture: () => Promise.resolve(null) });
      void draw(wanted);
      return shown;
    }
    return fresh ? known : draw(wanted);
  }

  /** The kept picture, if its texts are up to date. */
  #find({ id, edition }: Wanted): Kept | undefined {
    const known = this.#kept.get(id);
    if (known?.edition !== edition) return undefined;
    this.#kept.delete(id);
    this.#kept.set(id, known);
    return known;
  }

  #share(wanted: Wanted): Promise<Kept> {
    const { id, edition } = wanted;
    const same = this.#underway.get(id);
    if (same?.edition === edition) return same.picture;
    const picture = this.#drawAnew(wanted);
    const mine = { edition, picture };
    this.#underway.set(id, mine);
    const done = () => void (this.#underway.get(id) === mine && this.#underway.delete(id));
    picture.then(done, done);
    return picture;
  }

  async #drawAnew({ id, edition, content, picture: get }: Wanted): Promise<Kept> {
    const drawnAt = this.now().getTime();
    const campaign = get ? await get() : null;
    const { png, lacks } = await this.#draw(content, campaign);
    const etag = `"${createHash('sha1').update(png).digest('base64url').slice(0, 22)}"`;
    const picture = {
      png,
      etag,
      edition,
      figures: figuresOf(content),
      drawnAt,
      lacks: lacks || (get !== undefined && campaign === null),
    };
    this.#keep(id, picture);
    return picture;
  }

  /** A campaign's picture that cannot be drawn is left out. */
  async #draw(
    content: Wanted['content'],
    picture: Uint8Array | null,
  ): Promise<{ png: Buffer; lacks: boolean }> {
    const without = { ...content, picture: null };
    if (picture === null) return { png: await this.renderer.draw(without), lacks: false };
    try {
      return { png: await this.renderer.draw({ ...content, picture }), lacks: false };
    } catch {
      return { png: await this.renderer.draw(without), lacks: true };
    }
  }

  #keep(id: string, picture: Kept): void {
    this.#forget(id);
    this.#kept.set(id, picture);
    this.#bytes += picture.png.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.mostBytes || oldest === id) break;
      this.#forget(oldest);
    }
  }

  #forget(id: string): void {
    this.#bytes -= this.#kept.get(id)?.png.length ?? 0;
    this.#kept.delete(id);
  }
}
