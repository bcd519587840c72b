import type { FuncKeywordDefinition } from 'ajv';
import { parse } from 'tldts';
import type { OwnKeyword } from '../../schema/api/typebox.js';
import { isVisible, undirected } from '../core/typed-text.js';

const WILDCARD = /^https?:\/\/\*\.([^:]+)/;

/** `https://*.org` would name everybody's pages, and `https://*.github.io` those of strangers. */
function isOfOneOwner(origin: string): boolean {
  const host = WILDCARD.exec(origin)?.[1];
  if (host === undefined) return true;
  const { publicSuffix, isIcann, isPrivate } = parse(host, { allowPrivateDomains: true });
  return publicSuffix !== host || !(isIcann || isPrivate);
}

const holds = (keyword: OwnKeyword, isGood: (text: string) => boolean): FuncKeywordDefinition => ({
  keyword,
  type: 'string',
  schemaType: 'boolean',
  before: 'maxLength',
  errors: false,
  // An empty text is told its shortest length.
  validate: (_wanted: boolean, text: string) => text === '' || isGood(text),
});

/**
 * What our schemas say beyond JSON Schema. In the order in which a validator must learn them. `undirected` changes the text:
 * so what people type is cleaned wherever a contract is asked, by the API, imports, pages and commands alike. The document
 * leaves these keywords out.
 */
export const KEYWORDS: FuncKeywordDefinition[] = [
  holds('visible', isVisible),
  holds('ownDomain', isOfOneOwner),
  {
    keyword: 'undirected' satisfies OwnKeyword,
    type: 'string',
    schemaType: 'boolean',
    // Judged is what is kept.
    before: 'visible',
    modifying: true,
    errors: false,
    validate: (_wanted: boolean, text: string, _schema, at) => {
      // Of nothing else, it is told that there is nothing to see.
      if (at?.parentData) {
        (at.parentData as Record<string, unknown>)[at.parentDataProperty] = undirected(text) || text;
      }
      return true;
    },
  },
];
