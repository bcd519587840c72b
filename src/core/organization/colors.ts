import { invalidBody } from '../../errors.js';

/* An organization's colour, and whether people can read what is written on it and in it (WCAG 2.2, 1.4.3). */

export type Rgb = readonly [number, number, number];

const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];
/** The brightest background that browsers and operating systems give to dark pages. */
const DARK_PAGE: Rgb = [34, 34, 34];
/** What text needs. */
export const LEAST = 4.5;
const STEPS = 40;

const parse = (hex: string): Rgb => {
  const bits = Number.parseInt(hex.slice(1), 16);
  return [bits >> 16, (bits >> 8) & 255, bits & 255];
};

const write = (rgb: Rgb): string => `#${rgb.map((part) => part.toString(16).padStart(2, '0')).join('')}`;

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a: Rgb, b: Rgb): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((one, two) => one - two);
  return (light + 0.05) / (dark + 0.05);
}

/** The shade nearest to the colour, on its way to `towards`, that can be read on `ground`. */
function legible(rgb: Rgb, towards: Rgb, ground: Rgb): Rgb {
  for (let step = 0; step < STEPS; step += 1) {
    const shade = rgb.map((part, i) =>
      Math.round(part + ((towards[i] ?? 0) - part) * (step / STEPS)),
    ) as unknown as Rgb;
    if (contrast(shade, ground) >= LEAST) return shade;
  }
  return towards;
}

/** The shade of a colour for dark pages. */
export const darkPageShade = (hex: string): string => write(legible(parse(hex), WHITE, DARK_PAGE));

/** Refuses a colour on which white text cannot be read; then it cannot be read on white either. Throws `invalid_body`. */
export function assertLegible(hex: string): void {
  const color = parse(hex);
  const ratio = contrast(color, WHITE);
  if (ratio >= LEAST) return;
  // Rounded down: 4.49 must not be shown as 4.5.
  const shown = (Math.floor(ratio * 10) / 10).toFixed(1);
  const darker = write(legible(color, BLACK, WHITE));
  const detail = `White text on it has a contrast of ${shown} : 1; people need at least ${LEAST} : 1 to read it. Choose a darker colour, such as ${darker}.`;
  throw invalidBody({ pointer: '/color', code: 'low_contrast', detail });
}
