import type { Font, Subset } from 'fontkit';

/*
 * Outlines of a variable font at one weight. fontkit can compute them, but fails to write them into the subset that a
 * document embeds: its encoder was written for an earlier version of its stream.
 */

type Path = { commands: readonly { command: string; args: readonly number[] }[] };
type Point = { x: number; y: number; isOn: boolean };
type Writer = Subset & {
  font: Font;
  glyf: Uint8Array[];
  loca: { offsets: number[] };
  hmtx: { metrics: { advance: number; bearing: number }[] };
  offset: number;
  _addGlyph: (id: number) => number;
};

/** Makes the subsets of this font hold its outlines as they are at its weight. */
export function embedOutlines(font: Font): void {
  const createSubset = font.createSubset.bind(font);
  font.createSubset = () => {
    const subset = createSubset() as Writer;
    subset._addGlyph = (id) => {
      const glyph = font.getGlyph(id);
      const contours = contoursOf(glyph.path);
      const data = encode(contours);
      subset.glyf.push(data);
      subset.loca.offsets.push(subset.offset);
      // Renderers move an outline until it begins at the bearing.
      const bearing = Math.min(...(contours.length > 0 ? contours.flat().map(({ x }) => x) : [0]));
      subset.hmtx.metrics.push({ advance: Math.round(glyph.advanceWidth), bearing });
      subset.offset += data.length;
      return subset.glyf.length - 1;
    };
    return subset;
  };
}

function contoursOf({ commands }: Path): Point[][] {
  const contours: Point[][] = [];
  for (const { command, args } of commands) {
    if (command === 'closePath') continue;
    if (command === 'moveTo') contours.push([]);
    for (let i = 0; i < args.length; i += 2) {
      const isOn = !(command === 'quadraticCurveTo' && i === 0);
      contours.at(-1)?.push({ x: Math.round(args[i] ?? 0), y: Math.round(args[i + 1] ?? 0), isOn });
    }
  }
  return contours.filter((points) => points.length > 1);
}

/** A simple glyph of the table `glyf`. */
function encode(contours: readonly Point[][]): Uint8Array {
  const points = contours.flat();
  if (points.length === 0) return new Uint8Array(0);
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const length = 12 + 2 * contours.length + 5 * points.length;
  const data = Buffer.alloc((length + 3) & ~3);
  [contours.length, Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)].forEach((value, i) =>
    data.writeInt16BE(value, 2 * i),
  );
  let at = 10;
  let end = -1;
  for (const contour of contours) at = data.writeUInt16BE((end += contour.length), at);
  // No instructions.
  at += 2;
  for (const { isOn } of points) at = data.writeUInt8(Number(isOn), at);
  for (const values of [xs, ys]) {
    values.forEach((value, i) => (at = data.writeInt16BE(value - (values[i - 1] ?? 0), at)));
  }
  return data;
}
