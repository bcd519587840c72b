import type { FuncKeywordDefinition, SchemaValidateFunction } from 'ajv';
import { parse } from 'tldts';
import type { OwnKeyword, TypedAs } from '../../schema/api/typebox.js';
import { countryOf, nearestCountry } from '../core/countries.js';
import { codeOf, isVisible, manyLines, oneLine, phoneOf, postalCodeOf, trimmed } from '../core/typed-text.js';

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

type Reading = {
  /** The text as it was meant; undefined: it cannot be read. */
  read: (text: string) => string | undefined;
  /** What to do about one that cannot be read. */
  advice?: (text: string) => string;
};

const READINGS: Record<TypedAs, Reading> = {
  trimmed: { read: trimmed },
  line: { read: oneLine },
  lines: { read: manyLines },
  postal_code: { read: postalCodeOf },
  phone: {
    read: phoneOf,
    advice: () => 'Write its digits, like +31 20 555 0123; leave it out if there is none.',
  },
  country: { read: (text) => countryOf(oneLine(text)), advice: countryAdvice },
  code: { read: codeOf, advice: () => 'Write the six digits of the mail, like 041327.' },
};

function countryAdvice(text: string): string {
  const near = nearestCountry(text);
  const example = near ? `${near.code} for ${near.name}` : 'NL for the Netherlands';
  return `Write the two letters of ISO 3166-1, like ${example}.`;
}

/** Reads a text as it was meant, and puts that in its place. What cannot be read stays as it came. */
const readTyped: SchemaValidateFunction = (as: TypedAs, text: string, _schema, at) => {
  const { read, advice } = READINGS[as];
  const meant = text === '' ? text : read(text);
  if (meant === undefined) {
    readTyped.errors = [{ keyword: 'typed', params: { advice: advice?.(text) } }];
    return false;
  }
  // Of nothing else, it is told that there is nothing to see.
  if (at?.parentData) (at.parentData as Record<string, unknown>)[at.parentDataProperty] = meant || text;
  return true;
};

/**
 * What our schemas say beyond JSON Schema. In the order in which a validator must learn them. `typed` changes the text: so
 * what people type is read alike wherever a contract is asked, by the API, imports, pages and commands. The document leaves
 * these keywords out.
 */
/**
 * What our schemas say beyond JSON Schema. In the order in which a validator must learn them. `undirected` changes the text:
 * so what people type is cleaned wherever a contract is asked, by the API, imports, pages and commands alike. The document
 * leaves these keywords out.
 */
export const KEYWORDS: FuncKeywordDefinition[] = [
  holds('visible', isVisible),
  holds('ownDomain', isOfOneOwner),
  {
    keyword: 'typed' satisfies OwnKeyword,
    type: 'string',
    schemaType: 'string',
    // Judged is what is kept.
    before: 'visible',
    modifying: true,
    errors: true,
    validate: readTyped,
  },
];
