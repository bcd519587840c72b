import { ApiError } from '../../errors.js';
import type { Actor, Caller } from '../actor.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';

/*
 * Which pages browsers may act from. This is no authorization, since other clients can send any Origin. It only keeps a
 * copied key or form from working in browsers on another site.
 */

const ORIGIN = /^(https?):\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::([0-9]{1,5}))?$/i;
const WILDCARD = '//*.';
const DEFAULT_PORTS: Record<string, number> = { http: 80, https: 443 };

type Origin = { scheme: string; host: string; port: number };

/** Browsers send a scheme, an ASCII host and perhaps a port. Undefined for all else. */
function parseOrigin(text: string): Origin | undefined {
  // Lower-cased only after the match: toLowerCase would turn some letters that no host has into ASCII ones.
  const [found, ...parts] = ORIGIN.exec(text) ?? [];
  if (found === undefined) return undefined;
  const [scheme = '', host = '', port] = parts.map((part) => part?.toLowerCase());
  return { scheme, host, port: port === undefined ? (DEFAULT_PORTS[scheme] ?? 0) : Number(port) };
}

/** Whether an origin is on a list, which may have entries like `https://*.example.org`. */
export function isListed(origins: readonly string[], origin: string | null): boolean {
  const page = origin === null ? undefined : parseOrigin(origin);
  return page !== undefined && origins.some((entry) => matches(entry, page));
}

function matches(entry: string, page: Origin): boolean {
  const wild = entry.includes(WILDCARD);
  const listed = parseOrigin(wild ? entry.replace(WILDCARD, '//') : entry);
  if (!listed || listed.scheme !== page.scheme || listed.port !== page.port) return false;
  // A wildcard matches subdomains at any depth, but not the domain itself.
  return wild ? page.host.endsWith(`.${listed.host}`) : page.host === listed.host;
}

/**
 * Refuses a publishable key that is used outside of its list of origins. A read without an Origin is allowed, since
 * browsers do not always send it when they read. Throws `origin_not_allowed`.
 */
export function assertKeyOrigin(actor: Actor, origin: string | null, reads: boolean): void {
  if (actor.kind !== 'publishable' || actor.origins.length === 0 || (reads && origin === null)) return;
  if (isListed(actor.origins, origin)) return;
  throw new ApiError('origin_not_allowed', {
    detail: 'The key is for other pages: its owner can add this origin to its list.',
  });
}

/**
 * Refuses signers without a key whose page is not on the petition's list. `own`: the origin of this server, whose page
 * of the petition can only be framed by pages on the list. Keys are checked by `assertKeyOrigin`. Throws
 * `origin_not_allowed`.
 */
export function assertOrigin(
  petition: Pick<PetitionHead, 'origins'>,
  actor: Actor,
  { origin }: Caller,
  own: string,
): void {
  if (actor.kind !== 'anonymous' || petition.origins.length === 0) return;
  if (isListed([...petition.origins, own], origin)) return;
  throw new ApiError('origin_not_allowed', {
    detail:
      'The petition can be signed on other pages: its lead organization can add this origin to its list.',
  });
}
