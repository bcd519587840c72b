/*
 * Text that people type and others see. It is stored as typed, but shown without characters that change the direction
 * of the surrounding text, with which a name could rearrange its line.
 */

/** Bidirectional marks, overrides and isolates. No name needs them, since letters have a direction anyway. */
const DIRECTIONS = /\p{Bidi_Control}+/gu;

/** At least one visible character. U+3164, U+2800 and the last three belong to these classes, but are blank. */
const INK =
  /(?![\p{Default_Ignorable_Code_Point}\u2800\u{1D159}\u{13441}\u{13442}])[\p{Letter}\p{Number}\p{Punctuation}\p{Symbol}]/u;

export const isVisible = (text: string): boolean => INK.test(text);

/** The text without characters that change its direction. */
export const undirected = (text: string): string => text.replace(DIRECTIONS, '');
