import { hasTag, takesGzip } from '../conditional.js';
import type { Finished } from './leaving.js';

/** The forms in which an answer is kept. `zipped`: `whole` where that is shorter. */
export type Choices = { etag: string; whole: Finished; unchanged: Finished; zipped: () => Finished };

/** The form that a request gets, by the values of its If-None-Match and Accept-Encoding. */
export function choose(
  { etag, whole, unchanged, zipped }: Choices,
  tags: string | undefined,
  encodings: string | string[] | undefined,
): Finished {
  if (hasTag(tags, etag)) return unchanged;
  return takesGzip(encodings) ? zipped() : whole;
}
