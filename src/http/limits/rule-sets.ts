import type { Config, RateLimit } from '../../config.js';
import type { Policy } from './limit-store.js';

/** Health and metrics have their own bucket, this many times as large, so that visitors cannot starve a probe. */
const PROBES = 5;
/** A network (a campus, a provider) may send this many times as many requests as one client. */
const NETWORK = 5;

/** What a request can be counted by. `…Here`: per petition, by its database key, so that id and slug count together. */
export type Keys = Record<'client' | 'network' | 'clientHere' | 'networkHere' | 'keyId', string>;
export type Rule = { policy: Policy; by: keyof Keys };
/** Rules with the RateLimit-Policy header that names all of them. */
export type RuleSet = { rules: readonly Rule[]; header: string };

/** The rules of each `limit` in a route's config; `plain` is for routes without one. */
export type RuleSets = Record<
  'plain' | 'sign' | 'confirm' | 'mail' | 'share' | 'service' | 'key',
  RuleSet
> & {
  /** The rules of signing, without those of `plain`. */
  signing: readonly Rule[];
  /** The soft rules: how often people may sign without a proof of work. */
  unproven: readonly Rule[];
};

export function makeRuleSets(limits: NonNullable<Config['limits']>): RuleSets {
  const client = perClient('client', limits.client);
  const { requests, seconds } = limits.client;
  const signing = [
    // The hard rules come first: counting stops at the first that is exceeded.
    ...perPetition('sign-most', limits.signMost),
    ...perPetition('sign-burst', limits.signBurst, true),
    ...perPetition('sign-sustained', limits.signSustained, true),
  ];
  const mail = [...perClient('mail', limits.mail), ...perClient('mail-sustained', limits.mailSustained)];
  return {
    plain: setOf(client),
    sign: setOf([...client, ...signing]),
    confirm: setOf([...client, ...perClient('confirm', limits.confirm)]),
    mail: setOf([...client, ...mail]),
    share: setOf([...client, ...perClient('share', limits.share)]),
    service: setOf([rule('service', { requests: requests * PROBES, seconds }, 'client')]),
    key: setOf([rule('key', limits.key, 'keyId')]),
    signing,
    unproven: signing.filter(({ policy }) => policy.soft),
  };
}

const setOf = (rules: readonly Rule[]): RuleSet => ({
  rules,
  header: rules.map(({ policy }) => policy.header).join(', '),
});

const perClient = (name: string, rate: RateLimit): Rule[] => [
  rule(name, rate, 'client'),
  rule(`${name}-net`, wide(rate), 'network'),
];

const perPetition = (name: string, rate: RateLimit, soft = false): Rule[] => [
  rule(name, rate, 'clientHere', soft),
  rule(`${name}-net`, wide(rate), 'networkHere', soft),
];

const wide = ({ requests, seconds }: RateLimit): RateLimit => ({ requests: requests * NETWORK, seconds });

function rule(name: string, { requests, seconds }: RateLimit, by: Rule['by'], soft = false): Rule {
  return { policy: { name, header: `"${name}";q=${requests};w=${seconds}`, requests, seconds, soft }, by };
}
