import type { FuncKeywordDefinition } from 'ajv';
import { parse } from 'tldts';
import type { OwnKeyword } from '../../schema/api/typebox.js';
import { isVisible, undirected } from '../core/typed-text.js';

const WILDCARD = /^https?:\/\/\*\.([^:]+)/;

/**
 * False for wildcards below a public suffix, such as `https://*.org` or `https://*.github.io`: sites of many owners.
 */
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
  // Empty texts are reported by minLength.
  validate: (_wanted: boolean, text: string) => text === '' || isGood(text),
});

/**
 * The schema keywords of this project, beyond JSON Schema, in the order in which they must be added to a validator.
 * `undirected` changes the value: it removes direction marks from typed text wherever a contract is validated, in the
 * API, imports, pages and commands alike. The API document leaves these keywords out.
 */
export const KEYWORDS: FuncKeywordDefinition[] = [
  holds('visible', isVisible),
  holds('ownDomain', isOfOneOwner),
  {
    keyword: 'undirected' satisfies OwnKeyword,
    type: 'string',
    schemaType: 'boolean',
    // `visible` must judge the text that is stored.
    before: 'visible',
    modifying: true,
    errors: false,
    validate: (_wanted: boolean, text: string, _schema, at) => {
      // A text of direction marks alone stays, so that `visible` reports it.
      if (at?.parentData) {
        (at.parentData as Record<string, unknown>)[at.parentDataProperty] = undirected(text) || text;
      }
      return true;
    },
  },
];
