/* Declarations of what comes without types. */

declare module 'wawoff2' {
  /** Unpacks a WOFF2 into an OpenType font. */
  export function decompress(woff2: Uint8Array): Promise<Uint8Array>;
}

declare module 'bidi-js' {
  type EmbeddingLevels = { levels: Uint8Array; paragraphs: { start: number; end: number; level: number }[] };
  type Bidi = {
    getEmbeddingLevels(text: string, direction?: 'ltr' | 'rtl' | 'auto'): EmbeddingLevels;
  };
  export default function bidiFactory(): Bidi;
}
