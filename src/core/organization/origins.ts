import { ApiError } from '../../errors.js';
import type { Actor, Caller } from '../actor.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';

/*
 * Which pages browsers may act from. This is no authorization: whoever is not a browser sends any Origin. It keeps honest
 * browsers honest, so that a key or a form that was copied to another site does not work there.
 */

const ORIGIN = /^(https?):\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::([0-9]{1,5}))?$/i;
const WILDCARD = '//*.';
const DEFAULT_PORTS: Record<string, number> = { http: 80, https: 443 };

type Origin = { scheme: string; host: string; port: number };

/** Browsers send a scheme, an ASCII host and perhaps a port, and nothing else: what looks different is no page. */
function parseOrigin(text: string): Origin | undefined {
  // Lower case only afterwards: it would turn some letters that no host has into plain ones.
  const [found, ...parts] = ORIGIN.exec(text) ?? [];
  if (found === undefined) return undefined;
  const [scheme = '', host = '', port] = parts.map((part) => part?.toLowerCase());
  return { scheme, host, port: port === undefined ? (DEFAULT_PORTS[scheme] ?? 0) : Number(port) };
}

/** Whether a page of this origin is meant by a list of origins, some of them perhaps like `https://*.example.org`. */
export function isListed(origins: readonly string[], origin: string | null): boolean {
  const page = origin === null ? undefined : parseOrigin(origin);
  return page !== undefined && origins.some((entry) => means(entry, page));
}

function means(entry: string, page: Origin): boolean {
  const wild = entry.includes(WILDCARD);
  const listed = parseOrigin(wild ? entry.replace(WILDCARD, '//') : entry);
  if (!listed || listed.scheme !== page.scheme || listed.port !== page.port) return false;
  // Below it at any depth, and not itself.
  return wild ? page.host.endsWith(`.${listed.host}`) : page.host === listed.host;
}

/**
 * Holds a publishable key with a list to the pages on it. A browser names its page in whatever changes something, but
 * not always when it only reads. Throws `origin_not_allowed`.
 */
export function assertKeyOrigin(actor: Actor, origin: string | null, reads: boolean): void {
  if (actor.kind !== 'publishable' || actor.origins.length === 0 || (reads && origin === null)) return;
  if (isListed(actor.origins, origin)) return;
  throw new ApiError('origin_not_allowed', {
    detail: 'The key is for other pages: whoever owns it can add this origin to its list.',
  });
}

/**
 * Holds signers without a key to the pages that the petition lists. Keys have lists of their own, which were looked at
 * before. Throws `origin_not_allowed`.
 */
export function assertOrigin(petition: PetitionHead, actor: Actor, { origin }: Caller): void {
  if (actor.kind !== 'anonymous' || petition.origins.length === 0) return;
  if (isListed(petition.origins, origin)) return;
  throw new ApiError('origin_not_allowed', {
    detail: 'The petition can be signed on other pages: whoever leads it can add this origin to its list.',
  });
}
