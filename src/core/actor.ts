/** Who is asking. A publishable key only says through whom; a secret key says who. */
export type Actor =
  | { kind: 'anonymous' }
  | {
      kind: 'publishable' | 'secret';
      keyKey: number;
      keyId: string;
      organizationKey: number;
      organizationId: string;
      scopes: readonly string[];
      /** Where browsers may use a publishable key; empty: anywhere. */
      origins: readonly string[];
    };

/** What is known of whoever sends a request, whatever key they have. */
export type Caller = {
  /** Whom it comes from, as limits see it, and the wider network of that one: see http/caller.ts. */
  readonly client: string | null;
  readonly network: string | null;
  /** The page that a browser sends it from. */
  readonly origin: string | null;
  /** Seconds until its network may again sign the petition without a proof of work; 0: it may. */
  waits: number;
};

/** Where nothing is known, and nothing is held against anybody. */
export const UNKNOWN_CALLER: Caller = { client: null, network: null, origin: null, waits: 0 };

export type KeyedActor = Exclude<Actor, { kind: 'anonymous' }>;

/** The `keyKey` of whoever needs no key, since they may run commands on the database. Keys begin at 1. */
export const NO_KEY = 0;

export const ANONYMOUS: Actor = { kind: 'anonymous' };

/** Whether the actor holds a secret key of this organization. */
export const speaksFor = (actor: Actor, organizationKey: number): actor is KeyedActor =>
  actor.kind === 'secret' && actor.organizationKey === organizationKey;
