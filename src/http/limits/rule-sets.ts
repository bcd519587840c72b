import type { Config, RateLimit } from '../../config.js';
import type { Policy } from './limit-store.js';

/** Health and metrics have a bucket of their own, this many times as large: no visitor may starve a probe. */
const PROBES = 5;
/** A network, of which one may hold many addresses, may do so many times what one client may: a campus, a provider. */
const NETWORK = 5;

/** What a request can be counted by. Of a petition: by its key, so that each way to write it down is the same. */
export type Keys = Record<'client' | 'network' | 'clientHere' | 'networkHere' | 'keyId', string>;
export type Rule = { policy: Policy; by: keyof Keys };
/** Rules with the RateLimit-Policy header that names all of them. */
export type RuleSet = { rules: readonly Rule[]; header: string };

/** What routes are counted by, under the name that they give in their config; `plain`: those that give none. */
export type RuleSets = Record<
  'plain' | 'sign' | 'confirm' | 'mail' | 'share' | 'service' | 'key',
  RuleSet
> & {
  /** What signing is counted by besides `plain`. */
  signing: readonly Rule[];
  /** What may be signed without a proof of work. */
  unproven: readonly Rule[];
};

export function makeRuleSets(limits: NonNullable<Config['limits']>): RuleSets {
  const client = perClient('client', limits.client);
  const { requests, seconds } = limits.client;
  const signing = [
    // The hard ones come first: the count ends at the first that is exceeded.
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
