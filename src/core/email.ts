import { domainToASCII } from 'node:url';

export type EmailAddress = {
  /** Where mail goes: as typed, trimmed, with the domain in lower-case ASCII. */
  delivery: string;
  /** What makes two addresses one person: the local part's ASCII letters lower-cased too. */
  identity: string;
};

// dot-atom of RFC 5322, without quotes, comments and literals; both patterns are linear.
const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:xn--[a-z0-9-]{0,57}[a-z0-9]|[a-z]{2,63})$/;

/** Reads an address, or returns undefined for anything that mail could not be sent to plainly. */
export function parseEmail(typed: string): EmailAddress | undefined {
  const text = typed.trim();
  const at = text.lastIndexOf('@');
  if (at < 1 || at > 64 || text.length > 254) return undefined;
  const local = text.slice(0, at);
  if (!LOCAL.test(local)) return undefined;
  const domain = asciiDomain(text.slice(at + 1));
  if (domain === undefined || at + 1 + domain.length > 254) return undefined;
  return { delivery: `${local}@${domain}`, identity: `${local.toLowerCase()}@${domain}` };
}

/** Providers whose dots and tags make many spellings of one mailbox. */
const DOTLESS = new Set(['gmail.com', 'googlemail.com']);

/**
 * What the spellings of one mailbox have in common, by the rules of large providers: a sign that two addresses are one
 * person, and never a reason to refuse one.
 */
export function clusterOf(identity: string): string {
  const at = identity.lastIndexOf('@');
  const domain = identity.slice(at + 1);
  const plus = identity.indexOf('+');
  // Most have one spelling, and this is asked for every signature.
  if (plus === -1 && !DOTLESS.has(domain)) return identity;
  const untagged = identity.slice(0, plus === -1 ? at : plus);
  return DOTLESS.has(domain) ? `${untagged.replaceAll('.', '')}@gmail.com` : `${untagged}@${domain}`;
}

function asciiDomain(typed: string): string | undefined {
  const lower = typed.toLowerCase();
  if (DOMAIN.test(lower) && !lower.includes('xn--')) return lower.length <= 253 ? lower : undefined;
  // domainToASCII would read an escape or a port as the URL standard does; no domain name has them.
  if (/[%:/?#@[\]\\\s]/.test(typed)) return undefined;
  const ascii = domainToASCII(typed);
  return ascii.length <= 253 && DOMAIN.test(ascii) ? ascii : undefined;
}
