/*
 * What people type and others see. It is kept as it was written, but for what is no part of it: characters that turn the
 * direction of the text around them, so that a name could rearrange the line that it stands in.
 */

/** Marks, overrides and isolates. Letters have a direction of their own: no name needs them. */
const DIRECTIONS = /\p{Bidi_Control}+/gu;

/** A letter, digit or sign that leaves ink: U+3164, U+2800 and the last three are called so, and are blank. */
const INK =
  /(?![\p{Default_Ignorable_Code_Point}\u2800\u{1D159}\u{13441}\u{13442}])[\p{Letter}\p{Number}\p{Punctuation}\p{Symbol}]/u;

export const isVisible = (text: string): boolean => INK.test(text);

/** The text without what turns others. */
export const undirected = (text: string): string => text.replace(DIRECTIONS, '');
