import type { Delivery, DeliveryLine } from '../delivery.js';
import type { FileSink } from '../file-sink.js';
import type { Place, VolumeFile } from '../tables.js';
import { drawFront, volumeLine } from './front.js';
import type { Fonts } from './fonts.js';
import { List } from './list.js';
import { Pages } from './pages.js';

export type PdfFile = VolumeFile & {
  /** Loads what the lines need that are added next. */
  load: (lines: readonly DeliveryLine[]) => Promise<void>;
  notDrawn: readonly number[];
};

/** Begins the PDF of a volume. `lines`: how many it will have. */
export async function pdfFile(
  sink: FileSink,
  delivery: Delivery,
  place: Place & { lines: number },
  fonts: Fonts,
): Promise<PdfFile> {
  const pages = new Pages(sink, delivery, fonts);
  if (place.volumes > 1) pages.subtitle(volumeLine(pages, delivery, place));
  await drawFront(pages, delivery, place);
  const list = new List(pages, delivery, place.lines);
  await list.begin();
  return {
    load: async (lines) => {
      for (const line of lines) await list.load(line);
    },
    add: (line) => list.add(line),
    end: async () => {
      list.end();
      await pages.end();
    },
    notDrawn: list.notDrawn,
  };
}
