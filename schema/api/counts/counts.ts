import { Type, type Static } from '@sinclair/typebox';
import { closed, component, enumOf, instant, int, list, nullable, open, ref } from '../typebox.js';

const MAX = 2_147_483_647;

const total = (description: string) => int(0, MAX, { description });

export const PetitionCounts = component(
  'PetitionCounts',
  open(
    {
      confirmed: total('Signatures that were made here and count.'),
      pending: nullable(
        total(
          'Signatures that wait for confirmation. Null for all callers but the lead organization, and also for a lead organization from which the terms of a partner hide signatures: by signing with an address, it could learn from the number whether that address had signed before.',
        ),
      ),
      invalidated: total('Signatures that an organiser has invalidated.'),
      paper: total('Signatures on paper that count.'),
      offset: total('The sum of the numbers that were counted elsewhere: see `listOffsets`.'),
      total: total('The number to show: `confirmed`, `paper` and `offset` together. Goals are about it.'),
      goal: nullable(int(1, MAX, { description: 'The highest goal; null without one.' })),
      next_milestone: nullable(
        int(1, MAX, { description: 'The next goal to reach; null when all are reached.' }),
      ),
      updated_at: nullable(
        instant({
          description:
            'When they last changed; null before the first signature, and for callers who do not see `pending`.',
        }),
      ),
    },
    {
      description: 'How many people have signed: exact as of the last commit.',
      examples: [
        {
          confirmed: 4211,
          pending: null,
          invalidated: 3,
          paper: 120,
          offset: 300,
          total: 4631,
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
      bucket: enumOf(['hour', 'day'], { description: 'The length of each bucket.' }),
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
    instant({ description: 'Start of the range. Default: 7 days before `before` for hours, 365 for days.' }),
  ),
  before: Type.Optional(instant({ description: 'End of the range, exclusive. Default: now.' })),
});
