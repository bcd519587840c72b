import { Type, type Static } from '@sinclair/typebox';
import { closed, component, enumOf, instant, int, list, open, ref } from '../typebox.js';

const event = {
  type: 'bounce',
  bounce: 'hard',
  email: 'ada@example.org',
  occurred_at: '2026-11-23T19:06:11.002Z',
} as const;

export const MailEvent = component(
  'MailEvent',
  closed(
    {
      type: enumOf(['bounce', 'complaint'], {
        description: 'The mailbox refused a mail, or its owner reported it as spam.',
      }),
      email: Type.String({
        minLength: 1,
        maxLength: 320,
        pattern: '^[^\\s]+$',
        description: 'The address that it is about.',
        examples: ['ada@example.org'],
      }),
      bounce: Type.Optional(
        enumOf(['hard', 'soft'], {
          description: '`soft` may be over tomorrow, as a full mailbox: it is ignored. `hard` if absent.',
        }),
      ),
      occurred_at: Type.Optional(instant({ description: 'When it happened.' })),
    },
    { description: 'What a mail provider reports of an address.', examples: [event] },
  ),
);

export const MailEventInput = component(
  'MailEventInput',
  closed(
    { events: list(ref(MailEvent), 500, { minItems: 1, description: 'What happened.' }) },
    { description: 'Bounces and complaints, as many as there are.', examples: [{ events: [event] }] },
  ),
);
export type MailEventInput = Static<typeof MailEventInput>;

const total = (description: string) => int(0, 500, { description });

export const MailEventResult = component(
  'MailEventResult',
  open(
    {
      suppressed: total('Addresses that get no more mail, those included that got none before.'),
      ignored: total('Soft bounces.'),
      invalid: total('Addresses that are none.'),
    },
    {
      description: 'What became of the events.',
      examples: [{ suppressed: 1, ignored: 0, invalid: 0 }],
    },
  ),
);
