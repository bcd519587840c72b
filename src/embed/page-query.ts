import type { SignatureInput } from './api.js';

type FromPage = Pick<SignatureInput, 'share_code' | 'source' | 'utm' | 'recognition'>;

const TAGS = ['source', 'medium', 'campaign', 'term', 'content'] as const;

/** The members of a signature that come from the query of the page: share code, source, UTM tags, recognition token. */
export function readPageQuery(search: string): FromPage {
  const query = new URLSearchParams(search);
  const value = (name: string) => query.get(name)?.trim();
  const utm: NonNullable<SignatureInput['utm']> = {};
  for (const tag of TAGS) {
    const text = value(`utm_${tag}`);
    if (text) utm[tag] = text.slice(0, 200);
  }
  // As JSON, what is undefined is absent.
  return {
    share_code: value('share') || undefined,
    source: value('source')?.slice(0, 100) || undefined,
    utm: Object.keys(utm)[0] && utm,
    recognition: value('r') || undefined,
  } as FromPage;
}

/** Whether an error is about a value from the page or its query, not from the form: a mangled link must not prevent signing. */
export const isFromPage = (pointer: string): boolean =>
  /^\/(?:locale|share_code|source|utm|recognition)(?:\/|$)/.test(pointer);
