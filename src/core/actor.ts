import type { World } from './email.js';

/**
 * Who makes a request. A publishable key only says through which organization's page; a secret key identifies the
 * caller.
 */
export type Actor =
  | { kind: 'anonymous' }
  | {
      kind: 'publishable' | 'secret';
      keyKey: number;
      keyId: string;
      organizationKey: number;
      organizationId: string;
      scopes: readonly string[];
      /** The origins whose pages may use a publishable key; empty: any. */
      origins: readonly string[];
      /** Whether its organization is a test organization; absent: no. */
      test?: boolean;
    };

/** What is known about the sender of a request, independent of its key. */
export type Caller = {
  /** The client as rate limits see it, and the wider network that it belongs to: see http/caller.ts. */
  readonly client: string | null;
  readonly network: string | null;
  /** The `Origin` header that a browser sent. */
  readonly origin: string | null;
  /** Seconds until this network may again sign the petition without a proof of work; 0: it may now. */
  waits: number;
};

/** For callers without HTTP: nothing is known about them, so nothing counts against them. */
export const UNKNOWN_CALLER: Caller = { client: null, network: null, origin: null, waits: 0 };

export type KeyedActor = Exclude<Actor, { kind: 'anonymous' }>;

/** The `keyKey` of commands, which run on the database and need no key. Real keys begin at 1. */
export const NO_KEY = 0;

export const ANONYMOUS: Actor = { kind: 'anonymous' };

/** Where the actor looks addresses up. */
export const worldOf = (actor: Actor): World =>
  actor.kind !== 'anonymous' && actor.test ? actor.organizationKey : null;

/** What real keys make is hidden from test keys, and the other way round. Without a key, both can be read. */
export const isApart = (
  actor: Actor,
  { test, organizationKey }: { test: number; organizationKey: number },
): boolean =>
  actor.kind !== 'anonymous' && (actor.test ? actor.organizationKey !== organizationKey : test === 1);

/** Whether the actor holds a secret key of this organization. */
export const speaksFor = (actor: Actor, organizationKey: number): actor is KeyedActor =>
  actor.kind === 'secret' && actor.organizationKey === organizationKey;
