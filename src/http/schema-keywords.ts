import type { FuncKeywordDefinition, SchemaValidateFunction } from 'ajv';
import { parse } from 'tldts';
import type { OwnKeyword, TypedAs } from '../../schema/api/typebox.js';
import { countryOf, nearestCountry } from '../core/countries.js';
import { mailedToken } from '../core/links/mailed-token.js';
import {
  codeOf,
  isVisible,
  localeOf,
  manyLines,
  oneLine,
  phoneOf,
  postalCodeOf,
  trimmed,
} from '../core/typed-text.js';

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

type Reading = {
  /** The normalised text; undefined: it is not valid. */
  read: (text: string) => string | undefined;
  /** The error message for an invalid text. It may not repeat the text. */
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
  locale: { read: localeOf, advice: () => 'Write a language tag of BCP 47, like en or pt-BR.' },
  mailed_token: { read: mailedToken },
  code: { read: codeOf, advice: () => 'Write the six digits of the mail, like 041327.' },
};

function countryAdvice(text: string): string {
  const near = nearestCountry(text);
  const example = near ? `${near.code} for ${near.name}` : 'NL for the Netherlands';
  return `Write the two letters of ISO 3166-1, like ${example}.`;
}

/** Replaces a text by its normalised form. An invalid one stays unchanged. */
const readTyped: SchemaValidateFunction = (as: TypedAs, text: string, _schema, at) => {
  const { read, advice } = READINGS[as];
  const meant = text === '' ? text : read(text);
  if (meant === undefined) {
    readTyped.errors = [{ keyword: 'typed', params: { advice: advice?.(text) } }];
    return false;
  }
  // A text of direction marks alone stays, so that `visible` reports it.
  if (at?.parentData) (at.parentData as Record<string, unknown>)[at.parentDataProperty] = meant || text;
  return true;
};

/** Whether there is a name, or a part to make it of. What is sent empty is reported there. */
const hasName: SchemaValidateFunction = (_wanted: boolean, person: Record<string, unknown>) => {
  const { name, given_name: given, family_name: family } = person;
  if ((name ?? given ?? family) != null) return true;
  hasName.errors = [{ keyword: 'named', params: { missingProperty: 'name' } }];
  return false;
};

/**
 * The schema keywords of this project, beyond JSON Schema, in the order in which they must be added to a validator.
 * `typed` changes the value: it normalises text from people wherever a contract is validated, in the API, imports, pages
 * and commands alike. The API document leaves these keywords out.
 */
export const KEYWORDS: FuncKeywordDefinition[] = [
  holds('visible', isVisible),
  holds('ownDomain', isOfOneOwner),
  {
    keyword: 'typed' satisfies OwnKeyword,
    type: 'string',
    schemaType: 'string',
    // `visible` must judge the text that is stored.
    before: 'visible',
    modifying: true,
    errors: true,
    validate: readTyped,
  },
  {
    keyword: 'named' satisfies OwnKeyword,
    type: 'object',
    schemaType: 'boolean',
    errors: true,
    validate: hasName,
  },
];
