import { Type, type SchemaOptions } from '@sinclair/typebox';
import { closed, component, int, list, nullable, open, optional, ref } from '../typebox.js';

const FASTEST = 10_000_000;

const perHour = () =>
  nullable(int(1, FASTEST, { description: 'Mails an hour at most; null: as fast as the server can.' }));
const warmUp = () =>
  Type.Unsafe<number[] | null>({
    ...list(int(1, 100_000_000), 90, {
      description:
        'How many mails the domain of the sender may send on its first day with mailings, on its second, and so on; after the last no limit holds. null: none does.',
      examples: [[500, 1000, 5000, 20000]],
    }),
    type: ['array', 'null'],
  });
const percent = (options: SchemaOptions) => Type.Number({ minimum: 0, maximum: 100, ...options });

const breaker = {
  bounces: percent({ description: 'Bounces and refusals, in percent of the mails: 5 if absent.' }),
  complaints: percent({ description: 'Complaints about spam, in percent: 0.1 if absent.' }),
  unsubscribes: percent({ description: 'People who unsubscribe, in percent: 2 if absent.' }),
  after: int(1, 1_000_000, { description: 'Judged from so many mails on: 100 if absent.' }),
};

const EXAMPLE = {
  per_hour: 20_000,
  warm_up: [500, 1000, 5000, 20_000],
  breaker: { bounces: 5, complaints: 0.1, unsubscribes: 2, after: 100 },
};

export const SendingBreaker = component(
  'SendingBreaker',
  open(breaker, {
    description: 'What pauses a mailing by itself: more than these shares.',
    examples: [EXAMPLE.breaker],
  }),
);

export const SendingPolicy = component(
  'SendingPolicy',
  open(
    { per_hour: perHour(), warm_up: warmUp(), breaker: ref(SendingBreaker) },
    { description: 'How your mailings are sent.', examples: [EXAMPLE] },
  ),
);

const SendingBreakerInput = component(
  'SendingBreakerInput',
  closed(
    {
      bounces: optional(breaker.bounces),
      complaints: optional(breaker.complaints),
      unsubscribes: optional(breaker.unsubscribes),
      after: optional(breaker.after),
    },
    {
      description: 'What is to pause a mailing by itself: more than these shares.',
      examples: [{ unsubscribes: 3 }],
    },
  ),
);

export const SendingPolicyInput = component(
  'SendingPolicyInput',
  closed(
    {
      per_hour: optional(perHour()),
      warm_up: optional(warmUp()),
      breaker: optional(ref(SendingBreakerInput)),
    },
    {
      description: 'How your mailings are to be sent. What is absent is as usual.',
      examples: [{ per_hour: 20_000, breaker: { unsubscribes: 3 } }],
    },
  ),
);
