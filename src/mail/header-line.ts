/**
 * A text as one header line of at most `longest` characters: without line breaks, control characters and direction
 * marks, which could make one sender look like another.
 */
export function headerLine(text: string, longest: number): string {
  const line = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  // Characters outside of the basic plane count twice here: no shorter line can be too long.
  if (line.length <= longest) return line;
  const characters = [...line];
  return characters.length > longest ? `${characters.slice(0, longest - 1).join('')}…` : line;
}
