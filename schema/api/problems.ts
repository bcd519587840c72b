import { Type } from '@sinclair/typebox';
import { DELIVERY_MOVES } from '../db/tables/deliveries.js';
import { MAILING_MOVES } from '../db/tables/mailings.js';
import { PARTNERSHIP_MOVES } from '../db/tables/partners.js';
import { PETITION_STATUSES, TAKEDOWN_REASONS } from '../db/tables/petitions.js';
import { component, enumOf, instant, int, line, list, matching, open, ref, webUrl } from './typebox.js';

export const FieldProblem = component(
  'FieldProblem',
  open(
    {
      pointer: Type.String({
        maxLength: 300,
        pattern: '^(?:/.*)?$',
        description: 'JSON pointer into the body (RFC 6901), or `/name` of the parameter or header.',
      }),
      code: matching('^[a-z_]+$', 40, { description: 'What is wrong, as a stable code.' }),
      detail: line(500, { description: 'What is wrong and what to do, for people to read.' }),
    },
    {
      description: 'An invalid field.',
      examples: [{ pointer: '/email', code: 'format', detail: 'Write it like name@example.org.' }],
    },
  ),
);

/** What can be named as possible; some have the same name in several nouns. */
const EVERY_MOVE = [
  ...new Set([...PETITION_STATUSES, ...PARTNERSHIP_MOVES, ...MAILING_MOVES, ...DELIVERY_MOVES]),
];

export const Problem = component(
  'Problem',
  open(
    {
      type: webUrl({ description: 'A page about this kind of problem.' }),
      title: line(200, { description: 'The kind of problem, in a sentence.' }),
      status: int(400, 599, { description: 'The HTTP status.' }),
      code: matching('^[a-z_]+$', 60, {
        description: 'The kind of problem, as a stable code: branch on this.',
      }),
      detail: line(1000, { description: 'What happened in this case and what to do about it.' }),
      request_id: matching('^[A-Za-z0-9_.-]+$', 64, {
        description: 'The id of the request: mention it when you ask for help.',
      }),
      errors: Type.Optional(
        list(ref(FieldProblem), 50, { description: 'Every invalid field, if fields are invalid.' }),
      ),
      allowed: Type.Optional(
        list(enumOf(EVERY_MOVE), 8, {
          description:
            'transition_not_allowed, mailing_transition_not_allowed, delivery_transition_not_allowed, partnership_state: the moves that are possible.',
        }),
      ),
      reason: Type.Optional(enumOf(TAKEDOWN_REASONS, { description: 'petition_taken_down: why.' })),
      message: Type.Optional(
        line(500, {
          description: 'paused: the sentence of the operator, if there is one: show it to people.',
        }),
      ),
      opens_at: Type.Optional(instant({ description: 'petition_not_open: when signing begins.' })),
    },
    {
      description: 'Every error has this shape (RFC 9457).',
      examples: [
        {
          type: 'https://petitions.example/problems#invalid_body',
          title: 'The body does not match its schema',
          status: 422,
          code: 'invalid_body',
          detail: 'One field is wrong.',
          request_id: '019ab2c0-6c5e-7d0a-9b1f-3f6f3d0c5a11',
          errors: [{ pointer: '/email', code: 'format', detail: 'Write it like name@example.org.' }],
        },
      ],
    },
  ),
);
