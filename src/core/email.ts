import { domainToASCII } from 'node:url';
import { invalidBody } from '../errors.js';
import { oneLine } from './typed-text.js';

/* E-mail addresses: which are accepted, which two are one supporter, and which spellings share a mailbox. */

export type EmailAddress = {
  /** Where mail is sent: as typed, trimmed, with the domain in lower-case ASCII. */
  delivery: string;
  /**
   * Equal for two addresses that are one supporter: like `delivery`, with the local part's ASCII letters in lower case
   * too.
   */
  identity: string;
  /** The test organization that alone knows this address. Absent: a person's address. */
  testOrganizationKey?: number;
};

// The dot-atom of RFC 5322, without quotes, comments and literals. Both patterns run in linear time.
const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:xn--[a-z0-9-]{0,57}[a-z0-9]|[a-z]{2,63})$/;

/** What people paste along with an address: a display name, `mailto:`, the punctuation of a sentence. */
const AROUND = /^(?:(?:[^<>@]*\s)?<(?:mailto:)?([^<>]*)>|(?:mailto:)?([^<>]*?))[\s.,;:!]*$/i;

/** The address in a typed or pasted text. */
function addressIn(typed: string): string {
  if (/^[\w.+-]+@[\w.-]*\w$/.test(typed)) return typed;
  const text = /^[!-~ ]*$/.test(typed) ? typed.trim() : oneLine(typed).replaceAll('\uFF20', '@');
  const [, bracketed, plain] = AROUND.exec(text) ?? [];
  return (bracketed ?? plain ?? text).trim();
}

/** Parses an address; undefined for everything that ordinary mail could not be sent to. */
export function parseEmail(typed: string): EmailAddress | undefined {
  const text = addressIn(typed);
  const at = text.lastIndexOf('@');
  if (at < 1 || at > 64 || text.length > 254) return undefined;
  const local = text.slice(0, at);
  if (!LOCAL.test(local)) return undefined;
  const domain = asciiDomain(text.slice(at + 1));
  if (domain === undefined || at + 1 + domain.length > 254) return undefined;
  return { delivery: `${local}@${domain}`, identity: `${local.toLowerCase()}@${domain}` };
}

/** Like `parseEmail`, but throws `invalid_body` with the pointer when the address is invalid. */
export function requireEmail(typed: string, pointer = '/email'): EmailAddress {
  const email = parseEmail(typed);
  if (email) return email;
  throw invalidBody({ pointer, code: 'format', detail: 'Write it like name@example.org.' });
}

/**
 * Where an address is looked up: among people (null), or among the supporters of a test organization. Those are rows of
 * their own, so that no test can touch what a real person has proven, said or refused.
 */
export type World = number | null;

/** The colon is in no address, so nobody can type an identity of a test. */
const markOf = (testOrganizationKey: number): string => `test:${testOrganizationKey}:`;

/** The address as a world knows it. */
export function inWorld<Address extends EmailAddress | undefined>(world: World, email: Address): Address {
  if (world === null || email === undefined) return email;
  return { ...email, identity: markOf(world) + email.identity, testOrganizationKey: world };
}

type Provider = {
  /** The canonical domain: the same name at the provider's other domains is the same mailbox. */
  domain: string;
  /** The separator between a name and a tag that its owner chose, besides the plus sign. */
  tag?: string;
  /** Maps all spellings of a name to one. */
  plain?: (name: string) => string;
};

const dotless = (name: string) => name.replaceAll('.', '');

/*
 * As the providers document it. Gmail ignores dots, and googlemail.com is gmail.com. Proton ignores dots, hyphens and
 * underscores; a name has one owner across all its domains. So it has at Apple's icloud.com, me.com and mac.com. Yandex
 * treats dot and hyphen as equal. Yahoo's disposable addresses are a nickname, a hyphen and a keyword.
 */
const PROVIDERS = new Map<string, Provider>(
  (
    [
      [['gmail.com', 'googlemail.com'], { plain: dotless }],
      [
        ['proton.me', 'protonmail.com', 'protonmail.ch', 'pm.me'],
        { plain: (name) => name.replace(/[._-]/g, '') },
      ],
      [['icloud.com', 'me.com', 'mac.com'], {}],
      [
        ['yandex.ru', 'yandex.com', 'yandex.by', 'yandex.kz', 'yandex.ua', 'ya.ru', 'narod.ru'],
        { plain: (name) => name.replaceAll('.', '-') },
      ],
    ] as const satisfies [readonly string[], Omit<Provider, 'domain'>][]
  ).flatMap(([domains, rules]) => domains.map((one) => [one, { domain: domains[0], ...rules }] as const)),
);

/** At Yahoo, unlike above, the same name at another domain is another mailbox. */
const YAHOO = /^(?:yahoo\.(?:com|[a-z]{2}|com?\.[a-z]{2})|ymail\.com|rocketmail\.com)$/;
/** "anything" in anything@name.fastmail.com is a tag. */
const FASTMAIL = /^([^.]+)\.(fastmail\.(?:com|fm))$/;

function providerOf(domain: string): Provider | undefined {
  const known = PROVIDERS.get(domain);
  if (known) return known;
  if (YAHOO.test(domain)) return { domain, tag: '-' };
  const [, name, host] = FASTMAIL.exec(domain) ?? [];
  return name && host
    ? { domain: host, plain: (local) => (/^test:\d+:/.exec(local)?.[0] ?? '') + name }
    : undefined;
}

/**
 * What all spellings of one mailbox have in common, by the rules of large providers; a plus sign starts a tag at every
 * provider. It suggests that two addresses are one person. Use it for limits and caps, never to refuse an address.
 */
export function clusterOf(identity: string): string {
  const at = identity.lastIndexOf('@');
  const domain = identity.slice(at + 1);
  const provider = providerOf(domain);
  // The common case first: this runs for every signature.
  if (!provider && !identity.includes('+')) return identity;
  const name = before(before(identity.slice(0, at), '+'), provider?.tag);
  return `${provider?.plain?.(name) || name}@${provider?.domain ?? domain}`;
}

/** The text before a mark; all of it if nothing precedes the mark or there is none. */
function before(text: string, mark: string | undefined): string {
  const at = mark === undefined ? -1 : text.indexOf(mark);
  return at > 0 ? text.slice(0, at) : text;
}

function asciiDomain(typed: string): string | undefined {
  const lower = typed.toLowerCase();
  if (DOMAIN.test(lower) && !lower.includes('xn--')) return lower.length <= 253 ? lower : undefined;
  // domainToASCII would decode escapes and strip ports as in URLs; no domain name contains these characters.
  if (/[%:/?#@[\]\\\s]/.test(typed)) return undefined;
  const ascii = domainToASCII(typed);
  return ascii.length <= 253 && DOMAIN.test(ascii) ? ascii : undefined;
}
