import { Type, type Static } from '@sinclair/typebox';
import { closed, component, enumOf, instant, int, list, nullable, open, ref } from '../typebox.js';

const MAX = 2_147_483_647;

const total = (description: string) => int(0, MAX, { description });

export const PetitionCounts = component(
  'PetitionCounts',
  open(
    {
      confirmed: total('Signatures that count.'),
      pending: nullable(
        total(
          'Signatures that wait for their confirmation. Null for everybody but the lead organization, and for a lead from whom something is hidden by the terms of a partner: it would tell whether an address that one signs with had signed before.',
        ),
      ),
      invalidated: total('Signatures that an organiser has taken out.'),
      goal: nullable(int(1, MAX, { description: 'The top of the ladder; null without one.' })),
      next_milestone: nullable(
        int(1, MAX, { description: 'The next step of the ladder; null when all are reached.' }),
      ),
      updated_at: nullable(
        instant({
          description:
            'When a signature last changed them; null before the first, and for everybody who does not see `pending`.',
        }),
      ),
    },
    {
      description: 'How many have signed: right at every commit.',
      examples: [
        {
          confirmed: 4211,
          pending: null,
          invalidated: 3,
          goal: 25000,
          next_milestone: 5000,
          updated_at: null,
        },
      ],
    },
  ),
);
export type PetitionCounts = Static<typeof PetitionCounts>;

export const HistoryBucket = component(
  'HistoryBucket',
  open(
    {
      from: instant({ description: 'The start of the hour or day, UTC.' }),
      confirmed: int(-MAX, MAX, { description: 'Signatures confirmed in it that still count.' }),
    },
    { description: 'One hour or day.', examples: [{ from: '2026-11-23T19:00:00.000Z', confirmed: 120 }] },
  ),
);

export const PetitionHistory = component(
  'PetitionHistory',
  open(
    {
      bucket: enumOf(['hour', 'day'], { description: 'How long each bucket is.' }),
      data: list(ref(HistoryBucket), 9000, {
        description: 'Oldest first; empty hours and days are left out.',
      }),
    },
    {
      description: 'Confirmed signatures over time.',
      examples: [{ bucket: 'hour', data: [{ from: '2026-11-23T19:00:00.000Z', confirmed: 120 }] }],
    },
  ),
);

export const HistoryQuery = closed({
  bucket: Type.Optional(enumOf(['hour', 'day'], { description: 'Per hour or per day: day if absent.' })),
  from: Type.Optional(
    instant({ description: 'First instant: 7 days before `before` for hours, 365 for days, if absent.' }),
  ),
  before: Type.Optional(instant({ description: 'First instant that is left out: now if absent.' })),
});
