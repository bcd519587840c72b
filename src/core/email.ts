import { domainToASCII } from 'node:url';
import { invalidBody } from '../errors.js';
import { oneLine } from './typed-text.js';

export type EmailAddress = {
  /** Where mail goes: as typed, trimmed, with the domain in lower-case ASCII. */
  delivery: string;
  /** What makes two addresses one person: the local part's ASCII letters lower-cased too. */
  identity: string;
};

// dot-atom of RFC 5322, without quotes, comments and literals; both patterns are linear.
const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:xn--[a-z0-9-]{0,57}[a-z0-9]|[a-z]{2,63})$/;

/** What people paste with an address: a name before it, the scheme of a link, the end of a sentence. */
const AROUND = /^(?:(?:[^<>@]*\s)?<(?:mailto:)?([^<>]*)>|(?:mailto:)?([^<>]*?))[\s.,;:!]*$/i;

/** The address of what was typed or pasted. Almost all are nothing else. */
function addressIn(typed: string): string {
  if (/^[\w.+-]+@[\w.-]*\w$/.test(typed)) return typed;
  const text = /^[!-~ ]*$/.test(typed) ? typed.trim() : oneLine(typed).replaceAll('\uFF20', '@');
  const [, bracketed, plain] = AROUND.exec(text) ?? [];
  return (bracketed ?? plain ?? text).trim();
}

/** Reads an address, or returns undefined for anything that mail could not be sent to plainly. */
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

/** As `parseEmail`; throws `invalid_body`, which points at the member of the body, where that finds none. */
export function requireEmail(typed: string, pointer = '/email'): EmailAddress {
  const email = parseEmail(typed);
  if (email) return email;
  throw invalidBody({ pointer, code: 'format', detail: 'Write it like name@example.org.' });
}

type Provider = {
  /** The domain that stands for all on which a name is the same mailbox. */
  domain: string;
  /** What stands between a name and a tag of its owner's choice, besides the plus sign. */
  tag?: string;
  /** How the spellings of a name become one. */
  plain?: (name: string) => string;
};

const dotless = (name: string) => name.replaceAll('.', '');

/*
 * As the providers document it. Gmail: dots do not matter, googlemail.com is gmail.com. Proton: nor do dots, hyphens and
 * underscores, and a name is its owner's at all their domains. Apple: so it is at icloud.com, me.com and mac.com. Yandex:
 * dot and hyphen are one. Yahoo: a disposable address is a nickname, a hyphen and a keyword.
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

/** At each of its domains a name is somebody else's. */
const YAHOO = /^(?:yahoo\.(?:com|[a-z]{2}|com?\.[a-z]{2})|ymail\.com|rocketmail\.com)$/;
/** "Anything" in anything@name.fastmail.com is a tag. */
const FASTMAIL = /^([^.]+)\.(fastmail\.(?:com|fm))$/;

function providerOf(domain: string): Provider | undefined {
  const known = PROVIDERS.get(domain);
  if (known) return known;
  if (YAHOO.test(domain)) return { domain, tag: '-' };
  const [, name, host] = FASTMAIL.exec(domain) ?? [];
  return name && host ? { domain: host, plain: () => name } : undefined;
}

/**
 * What the spellings of one mailbox have in common, by the rules of large providers; what follows a plus sign is taken for
 * a tag everywhere. A sign that two addresses are one person, for limits and caps, and never a reason to refuse one.
 */
export function clusterOf(identity: string): string {
  const at = identity.lastIndexOf('@');
  const domain = identity.slice(at + 1);
  const provider = providerOf(domain);
  // Most have one spelling, and this is asked for every signature.
  if (!provider && !identity.includes('+')) return identity;
  const name = before(before(identity.slice(0, at), '+'), provider?.tag);
  return `${provider?.plain?.(name) || name}@${provider?.domain ?? domain}`;
}

/** What stands before a mark, if anything does. */
function before(text: string, mark: string | undefined): string {
  const at = mark === undefined ? -1 : text.indexOf(mark);
  return at > 0 ? text.slice(0, at) : text;
}

function asciiDomain(typed: string): string | undefined {
  const lower = typed.toLowerCase();
  if (DOMAIN.test(lower) && !lower.includes('xn--')) return lower.length <= 253 ? lower : undefined;
  // domainToASCII would read an escape or a port as the URL standard does; no domain name has them.
  if (/[%:/?#@[\]\\\s]/.test(typed)) return undefined;
  const ascii = domainToASCII(typed);
  return ascii.length <= 253 && DOMAIN.test(ascii) ? ascii : undefined;
}
