import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../../config.js';
import type { PetitionKeys } from '../../core/petitions/petition-keys.js';
import { tooMany } from '../../errors.js';
import { callerOf } from '../caller.js';
import type { Left, LimitStore } from './limit-store.js';
import { makeRuleSets, type Keys, type Rule, type RuleSet, type RuleSets } from './rule-sets.js';

export type Limits = {
  /**
   * Counts the request against its client and that one's network, or its secret key, and on signing routes against the
   * petition. A promise only where the count is kept elsewhere, or a petition is not known yet. Throws `rate_limited`;
   * who is beyond what may be signed without a proof of work goes on, and the caller says so (`waits`).
   */
  check(request: FastifyRequest, reply: FastifyReply): void | Promise<void>;
};

type Petitions = Pick<PetitionKeys, 'known' | 'find'>;

/** `limits` is null where nothing is counted. */
export const createLimits = (limits: Config['limits'], store: LimitStore, petitions: Petitions): Limits =>
  limits ? new CountedLimits(makeRuleSets(limits), store, petitions) : { check: () => undefined };

/**
 * Limits with the headers of draft-ietf-httpapi-ratelimit-headers. They know the client and the petition, never the
 * address that signs: so what they answer tells nothing about it.
 */
class CountedLimits implements Limits {
  constructor(
    private readonly sets: RuleSets,
    private readonly store: LimitStore,
    private readonly petitions: Petitions,
  ) {}

  check(request: FastifyRequest, reply: FastifyReply): void | Promise<void> {
    const { limit = 'plain' } = request.routeOptions.config;
    // Mail providers call it for many people from few addresses.
    if (limit === 'none') return;
    if (request.actor.kind === 'secret') return this.#count(request, reply, this.sets.key);
    if (limit === 'form') return this.#look(request, reply);
    if (limit !== 'sign') return this.#count(request, reply, this.sets[limit]);
    const petition = this.petitions.known(refOf(request));
    if (petition === undefined) return this.#countAndFind(request, reply);
    return this.#count(request, reply, this.sets.sign, petition);
  }

  /** Counts against a set, whose header the answer gets even where only some of its rules are counted. */
  #count(
    request: FastifyRequest,
    reply: FastifyReply,
    { rules, header }: RuleSet,
    petition?: number,
  ): void | Promise<void> {
    reply.header('ratelimit-policy', header);
    const left = this.store.take(bucketsOf(request, rules, petition));
    return left instanceof Promise
      ? left.then((told) => admit(request, reply, told))
      : admit(request, reply, left);
  }

  /** A petition that is not known yet is looked up, by those who have requests left. */
  async #countAndFind(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { plain, sign, signing } = this.sets;
    await this.#count(request, reply, plain);
    const petition = await this.petitions.find(refOf(request));
    if (petition === undefined) return;
    await this.#count(request, reply, { rules: signing, header: sign.header }, petition);
  }

  /** Opening a form counts as any request: what it hears is what signing would hear. */
  async #look(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await this.#count(request, reply, this.sets.plain);
    const ref = refOf(request);
    const petition = this.petitions.known(ref) ?? (await this.petitions.find(ref));
    if (petition === undefined) return;
    const buckets = bucketsOf(request, this.sets.unproven, petition);
    const { left, seconds: waits } = await this.store.look(buckets);
    if (left < 0) callerOf(request).waits = waits;
  }
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
