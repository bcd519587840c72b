import { isIPv4 } from 'node:net';
import LocalStore from '@fastify/rate-limit/store/LocalStore.js';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config, RateLimit } from '../config.js';
import { ApiError } from '../errors.js';

/** How many clients are remembered: the least recently seen is forgotten first. */
const CLIENTS = 100_000;
/** Health and metrics have a bucket of their own, this many times as large: no visitor may starve a probe. */
const PROBES = 5;

export type Limits = {
  /** Counts the request against its client, or its secret key, and on signing routes against the petition. */
  check(request: FastifyRequest, reply: FastifyReply): void;
};

type KeyOf = (request: FastifyRequest) => string;
type Left = { name: string; left: number; seconds: number };

/** One bucket per key: the store of @fastify/rate-limit, asked without its promises, which cost more than the count. */
class Policy {
  readonly header: string;
  readonly #store = new LocalStore(false, false, CLIENTS);

  constructor(
    readonly name: string,
    private readonly limit: RateLimit,
    private readonly keyOf: KeyOf,
  ) {
    this.header = `"${name}";q=${limit.requests};w=${limit.seconds}`;
  }

  /** Counts a request and tells how many are left: below zero, it is one too many. */
  take(request: FastifyRequest): Left {
    const { requests, seconds } = this.limit;
    let left = 0;
    let ttl = 0;
    const told = (error: Error | null, counted: { current: number; ttl: number }) => {
      if (error) throw error;
      left = requests - counted.current;
      ttl = counted.ttl;
    };
    this.#store.incr(this.keyOf(request), told, seconds * 1000, requests);
    return { name: this.name, left, seconds: Math.ceil(ttl / 1000) };
  }
}

/**
 * Limits with the headers of draft-ietf-httpapi-ratelimit-headers. Throws `rate_limited`. They know the client and the
 * petition, never the address that signs: so a 429 tells nothing about it.
 */
export function createLimits(limits: Config['limits']): Limits {
  if (!limits) return { check: () => undefined };
  const perClient: KeyOf = (request) => clientOf(request.ip);
  const perPetition: KeyOf = (request) =>
    `${clientOf(request.ip)} ${(request.params as { petition?: string }).petition ?? ''}`;
  const perKey: KeyOf = ({ actor }) => (actor.kind === 'anonymous' ? '' : actor.keyId);
  const { requests, seconds } = limits.client;

  const client = new Policy('client', limits.client, perClient);
  const sets = {
    plain: [client],
    sign: [
      client,
      new Policy('sign-burst', limits.signBurst, perPetition),
      new Policy('sign-sustained', limits.signSustained, perPetition),
    ],
    confirm: [client, new Policy('confirm', limits.confirm, perClient)],
    mail: [client, new Policy('mail', limits.mail, perClient)],
    share: [client, new Policy('share', limits.share, perClient)],
    key: [new Policy('key', limits.key, perKey)],
    service: [new Policy('service', { requests: requests * PROBES, seconds }, perClient)],
  };
  const headers = new Map(
    Object.values(sets).map((policies) => [policies, policies.map(({ header }) => header).join(', ')]),
  );

  return {
    check(request, reply) {
      const { limit = 'plain' } = request.routeOptions.config;
      // Mail providers call it for many people from few addresses.
      if (limit === 'none') return;
      const policies = request.actor.kind === 'secret' ? sets.key : sets[limit];
      let tightest: Left | undefined;
      for (const policy of policies) {
        const taken = policy.take(request);
        if (!tightest || taken.left < tightest.left) tightest = taken;
        if (taken.left < 0) break;
      }
      const { name, left, seconds } = tightest as Left;
      reply.header('ratelimit-policy', headers.get(policies));
      reply.header('ratelimit', `"${name}";r=${Math.max(0, left)};t=${seconds}`);
      if (left < 0) {
        throw new ApiError('rate_limited', {
          detail: `Wait ${seconds} seconds.`,
          headers: { 'retry-after': String(seconds) },
        });
      }
    },
  };
}

/** One client: an IPv4 address, or the /64 that an IPv6 network hands to one line. */
export function clientOf(ip: string): string {
  if (isIPv4(ip)) return ip;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = ip.toLowerCase().split('%')[0]?.split('::') ?? [];
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups =
    tail === undefined
      ? left
      : [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
  return groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':');
}
