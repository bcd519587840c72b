import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config, RateLimit } from '../../config.js';
import type { PetitionKeys } from '../../core/petitions/petition-keys.js';
import { tooMany } from '../../errors.js';
import { callerOf } from '../caller.js';
import type { Left, LimitStore, Policy } from './limit-store.js';

/** Health and metrics have a bucket of their own, this many times as large: no visitor may starve a probe. */
const PROBES = 5;
/** A network, of which one may hold many addresses, may do so many times what one client may: a campus, a provider. */
const NETWORK = 5;

export type Limits = {
  /**
   * Counts the request against its client and that one's network, or its secret key, and on signing routes against the
   * petition. A promise only where the count is kept elsewhere, or a petition is not known yet. Throws `rate_limited`;
   * who is beyond what may be signed without a proof of work goes on, and the caller says so (`waits`).
   */
  check(request: FastifyRequest, reply: FastifyReply): void | Promise<void>;
};

/** What a request can be counted by. Of a petition: by its key, so that each way to write it down is the same. */
type Keys = Record<'client' | 'network' | 'clientHere' | 'networkHere' | 'keyId', string>;
type Rule = { policy: Policy; by: keyof Keys };
type RuleSet = { rules: readonly Rule[]; header: string };

function rule(name: string, { requests, seconds }: RateLimit, by: Rule['by'], soft = false): Rule {
  return { policy: { name, header: `"${name}";q=${requests};w=${seconds}`, requests, seconds, soft }, by };
}

const wide = ({ requests, seconds }: RateLimit): RateLimit => ({ requests: requests * NETWORK, seconds });

const perClient = (name: string, rate: RateLimit): Rule[] => [
  rule(name, rate, 'client'),
  rule(`${name}-net`, wide(rate), 'network'),
];

const perPetition = (name: string, rate: RateLimit, soft = false): Rule[] => [
  rule(name, rate, 'clientHere', soft),
  rule(`${name}-net`, wide(rate), 'networkHere', soft),
];

const setOf = (...rules: Rule[]): RuleSet => ({
  rules,
  header: rules.map(({ policy }) => policy.header).join(', '),
});

/**
 * Limits with the headers of draft-ietf-httpapi-ratelimit-headers. They know the client and the petition, never the
 * address that signs: so what they answer tells nothing about it.
 */
export function createLimits(
  limits: Config['limits'],
  store: LimitStore,
  petitions: Pick<PetitionKeys, 'known' | 'find'>,
): Limits {
  if (!limits) return { check: () => undefined };
  const client = perClient('client', limits.client);
  const { requests, seconds } = limits.client;
  const signing = [
    // What nobody gets beyond comes first: the count ends at the first that is exceeded.
    ...perPetition('sign-most', limits.signMost),
    ...perPetition('sign-burst', limits.signBurst, true),
    ...perPetition('sign-sustained', limits.signSustained, true),
  ];
  const unproven = setOf(...signing.filter(({ policy }) => policy.soft));
  const sets = {
    plain: setOf(...client),
    sign: setOf(...client, ...signing),
    confirm: setOf(...client, ...perClient('confirm', limits.confirm)),
    mail: setOf(
      ...client,
      ...perClient('mail', limits.mail),
      ...perClient('mail-sustained', limits.mailSustained),
    ),
    share: setOf(...client, ...perClient('share', limits.share)),
    service: setOf(rule('service', { requests: requests * PROBES, seconds }, 'client')),
    key: setOf(rule('key', limits.key, 'keyId')),
  };

  /** Counts against a set, whose header the answer gets even where only some of its rules are counted. */
  function count(
    request: FastifyRequest,
    reply: FastifyReply,
    { rules, header }: RuleSet,
    petition?: number,
  ): void | Promise<void> {
    reply.header('ratelimit-policy', header);
    const left = store.take(bucketsOf(request, rules, petition));
    return left instanceof Promise
      ? left.then((told) => admit(request, reply, told))
      : admit(request, reply, left);
  }

  /** A petition that is not known yet is looked up, by those who have requests left. */
  async function countAndFind(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await count(request, reply, sets.plain);
    const petition = await petitions.find(refOf(request));
    if (petition !== undefined) await count(request, reply, { ...sets.sign, rules: signing }, petition);
  }

  /** Opening a form counts as any request: what it is told is what signing would be. */
  async function look(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await count(request, reply, sets.plain);
    const ref = refOf(request);
    const petition = petitions.known(ref) ?? (await petitions.find(ref));
    if (petition === undefined) return;
    const { left, seconds: waits } = await store.look(bucketsOf(request, unproven.rules, petition));
    if (left < 0) callerOf(request).waits = waits;
  }

  return {
    check(request, reply) {
      const { limit = 'plain' } = request.routeOptions.config;
      // Mail providers call it for many people from few addresses.
      if (limit === 'none') return;
      if (request.actor.kind === 'secret') return count(request, reply, sets.key);
      if (limit === 'form') return look(request, reply);
      if (limit !== 'sign') return count(request, reply, sets[limit]);
      const petition = petitions.known(refOf(request));
      if (petition === undefined) return countAndFind(request, reply);
      return count(request, reply, sets.sign, petition);
    },
  };
}

const refOf = ({ params }: FastifyRequest): string => (params as { petition?: string }).petition ?? '';

function bucketsOf(request: FastifyRequest, rules: readonly Rule[], petition: number | undefined) {
  const { client, network } = callerOf(request);
  const { actor } = request;
  const keys: Keys = {
    client: `${client}`,
    network: `${network}`,
    clientHere: `${client} ${petition}`,
    networkHere: `${network} ${petition}`,
    keyId: actor.kind === 'anonymous' ? '' : actor.keyId,
  };
  return rules.map(({ policy, by }) => ({ policy, key: keys[by] }));
}

function admit(request: FastifyRequest, reply: FastifyReply, { policy, left, seconds }: Left): void {
  reply.header('ratelimit', `"${policy.name}";r=${Math.max(0, left)};t=${seconds}`);
  if (left >= 0) return;
  if (!policy.soft) throw tooMany(seconds);
  callerOf(request).waits = seconds;
}
