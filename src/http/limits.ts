import { isIPv4 } from 'node:net';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config, RateLimit } from '../config.js';
import { ApiError } from '../errors.js';

/** How many clients are remembered: the least recently seen is forgotten first. */
const CLIENTS = 100_000;
/** Health and metrics have a bucket of their own, this many times as large: no visitor may starve a probe. */
const PROBES = 5;

export type Limits = {
  /** Counts the request against its client, or its secret key, and on signing routes against the petition. */
  check(request: FastifyRequest, reply: FastifyReply): Promise<void>;
};

/**
 * Limits with the headers of draft-ietf-httpapi-ratelimit-headers. Throws `rate_limited`. They know the client and the
 * petition, never the address that signs: so a 429 tells nothing about it.
 */
export async function createLimits(app: FastifyInstance, limits: Config['limits']): Promise<Limits> {
  if (!limits) return { check: () => Promise.resolve() };
  await app.register(rateLimit, { global: false, cache: CLIENTS });

  const policy = (
    name: string,
    { requests, seconds }: RateLimit,
    keyOf: (request: FastifyRequest) => string,
  ) => ({
    name,
    header: `"${name}";q=${requests};w=${seconds}`,
    take: app.createRateLimit({ max: requests, timeWindow: seconds * 1000, keyGenerator: keyOf }),
  });
  type Policy = ReturnType<typeof policy>;

  const perPetition = (request: FastifyRequest) =>
    `${clientOf(request.ip)} ${(request.params as { petition?: string }).petition ?? ''}`;
  const client = policy('client', limits.client, (request) => clientOf(request.ip));
  const key = policy('key', limits.key, (request) =>
    request.actor.kind === 'anonymous' ? '' : request.actor.keyId,
  );
  const sign = [
    policy('sign-burst', limits.signBurst, perPetition),
    policy('sign-sustained', limits.signSustained, perPetition),
  ];
  const { requests, seconds } = limits.client;
  const service = policy('service', { requests: requests * PROBES, seconds }, (request) =>
    clientOf(request.ip),
  );
  const sets = {
    plain: describe([client]),
    sign: describe([client, ...sign]),
    key: describe([key]),
    service: describe([service]),
  };

  function describe(policies: Policy[]) {
    return { policies, header: policies.map(({ header }) => header).join(', ') };
  }

  return {
    async check(request, reply) {
      const { limit } = request.routeOptions.config;
      const set = request.actor.kind === 'secret' ? sets.key : sets[limit ?? 'plain'];
      let tightest: { name: string; left: number; seconds: number } | undefined;
      let exceeded = false;
      for (const { name, take } of set.policies) {
        const result = await take(request);
        if (result.isAllowed) continue;
        const left = result.remaining;
        if (tightest === undefined || left < tightest.left) {
          tightest = { name, left, seconds: result.ttlInSeconds };
        }
        if (result.isExceeded) {
          exceeded = true;
          tightest = { name, left: 0, seconds: result.ttlInSeconds };
          break;
        }
      }
      reply.header('ratelimit-policy', set.header);
      if (tightest) reply.header('ratelimit', `"${tightest.name}";r=${tightest.left};t=${tightest.seconds}`);
      if (exceeded && tightest) {
        throw new ApiError('rate_limited', {
          detail: `Wait ${tightest.seconds} seconds.`,
          headers: { 'retry-after': String(tightest.seconds) },
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
