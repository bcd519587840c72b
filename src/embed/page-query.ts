import type { SignatureInput } from './api.js';

type FromPage = Pick<SignatureInput, 'share_code' | 'source' | 'utm' | 'recognition'>;

const TAGS = ['source', 'medium', 'campaign', 'term', 'content'] as const;

/** What the address of the page tells of how somebody came here. */
export function readPageQuery(search: string): FromPage {
  const query = new URLSearchParams(search);
  const said = (name: string) => query.get(name)?.trim();
  const utm: NonNullable<SignatureInput['utm']> = {};
  for (const tag of TAGS) {
    const value = said(`utm_${tag}`);
    if (value) utm[tag] = value.slice(0, 200);
  }
  const share = said('share');
  const source = said('source');
  const recognition = said('r');
  return {
    ...(share ? { share_code: share } : {}),
    ...(source ? { source: source.slice(0, 100) } : {}),
    ...(Object.keys(utm).length > 0 ? { utm } : {}),
    ...(recognition ? { recognition } : {}),
  };
}

/** Whether the server complains of something that nobody typed: a mangled link must keep nobody from signing. */
export const isFromPage = (pointer: string): boolean =>
  /^\/(?:share_code|source|utm|recognition)(?:\/|$)/.test(pointer);
