import { Type, type Static } from '@sinclair/typebox';
import { closed, component, enumOf, instant, int, line, list, matching, open, ref } from '../typebox.js';

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
      email: matching('^[^\\s]+$', 320, {
        rule: 'Write the address without spaces, like ada@example.org.',
        description: 'The recipient’s address.',
        examples: ['ada@example.org'],
      }),
      bounce: Type.Optional(
        enumOf(['hard', 'soft'], {
          description: '`soft`: temporary, such as a full mailbox; it is ignored. `hard` if absent.',
        }),
      ),
      envelope_from: Type.Optional(
        line(998, {
          description:
            'The envelope sender of the mail, if it was one of a mailing that was sent from here: its code credits the mailing.',
          examples: ['bounces+b-zz4gqx2m5c7d3aefhkwnyt6riu@campaign.example'],
        }),
      ),
      message_id: Type.Optional(
        line(998, {
          description: 'The Message-ID of that mail, where the envelope sender is not known.',
          examples: ['<b-zz4gqx2m5c7d3aefhkwnyt6riu@campaign.example>'],
        }),
      ),
      occurred_at: Type.Optional(instant({ description: 'When it happened.' })),
    },
    {
      description: 'A bounce or complaint about an address, reported by a mail provider.',
      examples: [event],
    },
  ),
);

export const MailEventInput = component(
  'MailEventInput',
  closed(
    { events: list(ref(MailEvent), 500, { minItems: 1, description: 'What happened.' }) },
    { description: 'Bounces and complaints.', examples: [{ events: [event] }] },
  ),
);
export type MailEventInput = Static<typeof MailEventInput>;

const total = (description: string) => int(0, 500, { description });

export const MailEventResult = component(
  'MailEventResult',
  open(
    {
      suppressed: total('Addresses that get no more mail, including those that were already suppressed.'),
      ignored: total('Soft bounces.'),
      invalid: total('Invalid addresses.'),
    },
    {
      description: 'The outcomes of the events.',
      examples: [{ suppressed: 1, ignored: 0, invalid: 0 }],
    },
  ),
);
