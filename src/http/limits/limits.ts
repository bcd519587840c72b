import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../../config.js';
import type { PetitionKeys } from '../../core/petitions/petition-keys.js';
import { tooMany } from '../../errors.js';
import { callerOf, clientOf, networkOf } from '../caller.js';
import type { Left, LimitStore } from './limit-store.js';
import { makeRuleSets, type Keys, type Rule, type RuleSet, type RuleSets } from './rule-sets.js';

export type Limits = {
  /**
   * Counts the request against its client and network, or its secret key, and on signing routes also per petition.
   * Returns a promise only where counts are kept outside this process, or the petition is not known yet. Throws
   * `rate_limited`. Beyond a soft limit of signing the request continues with `waits` set on its caller: it needs a
   * proof of work.
   */
  check(request: FastifyRequest, reply: FastifyReply): void | Promise<void>;
  /**
   * Counts a request without a key that is answered in front of Fastify. Returns its RateLimit headers, names and
   * values alternating, unless its answer is shared. Undefined, and nothing is counted: it is one too many, or counts
   * are kept outside this process.
   */
  countKeyless(address: string, request: KeylessRequest): readonly string[] | undefined;
  /**
   * Counts requests without a key that workers have answered. Returns for how many seconds they must not answer that
   * client: it comes near a limit, and its requests have to be counted one by one. 0: they may.
   */
  countAnswered(client: string, limit: 'plain' | 'service', requests: number): number;
  /** The petition of a ref, if it was looked up lately. */
  petitionOf(ref: string): number | undefined;
};

type KeylessRequest = {
  /** Absent: the limit of all clients. */
  limit?: 'service' | 'sign';
  /** For `sign`. */
  petition?: number;
  isShared: boolean;
};

type Petitions = Pick<PetitionKeys, 'known' | 'find'>;

/** With `limits` null, nothing is counted. */
export const createLimits = (limits: Config['limits'], store: LimitStore, petitions: Petitions): Limits =>
  limits
    ? new CountedLimits(makeRuleSets(limits), store, petitions)
    : { check: () => undefined, countKeyless: () => NO_HEADERS, countAnswered: () => 0, petitionOf: () => 0 };

const NO_HEADERS: readonly string[] = [];

/**
 * Limits with the headers of draft-ietf-httpapi-ratelimit-headers. They count by client and petition, and must never
 * count by email address: then answers would reveal something about it.
 */
class CountedLimits implements Limits {
  constructor(
    private readonly sets: RuleSets,
    private readonly store: LimitStore,
    private readonly petitions: Petitions,
  ) {}

  check(request: FastifyRequest, reply: FastifyReply): void | Promise<void> {
    const { limit = 'plain' } = request.routeOptions.config;
    // One-click unsubscribing: mail providers call it for many people from few IP addresses.
    if (limit === 'none') return;
    if (request.actor.kind === 'secret') return this.#count(request, reply, this.sets.key);
    if (limit === 'form') return this.#look(request, reply);
    if (limit !== 'sign') return this.#count(request, reply, this.sets[limit]);
    const petition = this.petitions.known(refOf(request));
    if (petition === undefined) return this.#countAndFind(request, reply);
    return this.#count(request, reply, this.sets.sign, petition);
  }

  countKeyless(
    address: string,
    { limit, petition, isShared }: KeylessRequest,
  ): readonly string[] | undefined {
    const client = clientOf(address);
    const { rules, header } = this.sets[limit ?? 'plain'];
    const keys = keysOf(client, networkOf(client), '', petition);
    const left = this.store.takeIfLeft?.(rules.map(({ policy, by }) => ({ policy, key: keys[by] })));
    if (!left) return undefined;
    return isShared ? NO_HEADERS : ['ratelimit-policy', header, 'ratelimit', shown(left)];
  }

  countAnswered(client: string, limit: 'plain' | 'service', requests: number): number {
    const keys = keysOf(client, networkOf(client), '', undefined);
    const buckets = this.sets[limit].rules.map(({ policy, by }) => ({ policy, key: keys[by] }));
    return this.store.add?.(buckets, requests) ?? 0;
  }

  petitionOf(ref: string): number | undefined {
    return this.petitions.known(ref);
  }

  /** Counts the request under `rules`, and sets the RateLimit headers of the answer. */
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

  /** Counts the general rules before it looks up a petition that is not known yet: lookups are limited too. */
  async #countAndFind(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { plain, sign, signing } = this.sets;
    await this.#count(request, reply, plain);
    const petition = await this.petitions.find(refOf(request));
    if (petition === undefined) return;
    await this.#count(request, reply, { rules: signing, header: sign.header }, petition);
  }

  /** Opening a form counts as an ordinary request, and sets `waits` where signing would be beyond a soft limit. */
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

const keysOf = (client: string, network: string, keyId: string, petition: number | undefined): Keys => ({
  client,
  network,
  clientHere: `${client} ${petition}`,
  networkHere: `${network} ${petition}`,
  keyId,
});

function bucketsOf(request: FastifyRequest, rules: readonly Rule[], petition: number | undefined) {
  const { client, network } = callerOf(request);
  const { actor } = request;
  const keyId = actor.kind === 'anonymous' ? '' : actor.keyId;
  const keys = keysOf(`${client}`, `${network}`, keyId, petition);
  return rules.map(({ policy, by }) => ({ policy, key: keys[by] }));
}

const shown = ({ policy, left, seconds }: Left): string =>
  `"${policy.name}";r=${Math.max(0, left)};t=${seconds}`;

function admit(request: FastifyRequest, reply: FastifyReply, found: Left): void {
  const { policy, left, seconds } = found;
  reply.header('ratelimit', shown(found));
  if (left >= 0) return;
  if (!policy.soft) throw tooMany(seconds);
  callerOf(request).waits = seconds;
}
