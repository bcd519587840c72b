import { isIPv4 } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config, RateLimit } from '../config.js';
import { ApiError } from '../errors.js';
import type { Bucket, Left, LimitStore, Policy } from './limit-store.js';

/** Health and metrics have a bucket of their own, this many times as large: no visitor may starve a probe. */
const PROBES = 5;

export type Limits = {
  /**
   * Counts the request against its client, or its secret key, and on signing routes against the petition. A promise only
   * where the count is kept elsewhere.
   */
  check(request: FastifyRequest, reply: FastifyReply): void | Promise<void>;
};

type KeyOf = (request: FastifyRequest) => string;
type Rule = { policy: Policy; keyOf: KeyOf };

const rule = (name: string, { requests, seconds }: RateLimit, keyOf: KeyOf): Rule => ({
  policy: { name, header: `"${name}";q=${requests};w=${seconds}`, requests, seconds },
  keyOf,
});

/**
 * Limits with the headers of draft-ietf-httpapi-ratelimit-headers. Throws `rate_limited`. They know the client and the
 * petition, never the address that signs: so a 429 tells nothing about it.
 */
export function createLimits(limits: Config['limits'], store: LimitStore): Limits {
  if (!limits) return { check: () => undefined };
  const perClient: KeyOf = (request) => clientOf(request.ip);
  const perPetition: KeyOf = (request) =>
    `${clientOf(request.ip)} ${(request.params as { petition?: string }).petition ?? ''}`;
  const perKey: KeyOf = ({ actor }) => (actor.kind === 'anonymous' ? '' : actor.keyId);
  const { requests, seconds } = limits.client;

  const client = rule('client', limits.client, perClient);
  const sets = {
    plain: [client],
    sign: [
      client,
      rule('sign-burst', limits.signBurst, perPetition),
      rule('sign-sustained', limits.signSustained, perPetition),
    ],
    confirm: [client, rule('confirm', limits.confirm, perClient)],
    mail: [client, rule('mail', limits.mail, perClient)],
    share: [client, rule('share', limits.share, perClient)],
    key: [rule('key', limits.key, perKey)],
    service: [rule('service', { requests: requests * PROBES, seconds }, perClient)],
  };
  const headers = new Map(
    Object.values(sets).map((rules) => [rules, rules.map(({ policy }) => policy.header).join(', ')]),
  );

  return {
    check(request, reply) {
      const { limit = 'plain' } = request.routeOptions.config;
      // Mail providers call it for many people from few addresses.
      if (limit === 'none') return;
      const rules = request.actor.kind === 'secret' ? sets.key : sets[limit];
      const buckets: Bucket[] = rules.map(({ policy, keyOf }) => ({ policy, key: keyOf(request) }));
      const left = store.take(buckets);
      reply.header('ratelimit-policy', headers.get(rules));
      return left instanceof Promise ? left.then((told) => admit(reply, told)) : admit(reply, left);
    },
  };
}

function admit(reply: FastifyReply, { name, left, seconds }: Left): void {
  reply.header('ratelimit', `"${name}";r=${Math.max(0, left)};t=${seconds}`);
  if (left >= 0) return;
  throw new ApiError('rate_limited', {
    detail: `Wait ${seconds} seconds.`,
    headers: { 'retry-after': String(seconds) },
  });
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
