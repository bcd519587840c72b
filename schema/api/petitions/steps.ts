import { closed, component, instant, int, line, nullable, open } from '../typebox.js';

/* The numbers that the total of a petition can reach. */

export const Milestone = component(
  'Milestone',
  open(
    {
      value: int(1, 2_000_000_000, { description: 'The goal that was reached.' }),
      reached_at: instant({ description: 'When it was reached.' }),
    },
    {
      description: 'A goal that was reached. It stays, even if signatures are invalidated later.',
      examples: [{ value: 1000, reached_at: '2026-11-20T08:15:00.000Z' }],
    },
  ),
);

const thresholdValue = () =>
  int(1, 2_000_000_000, { description: 'How many signatures it takes.', examples: [10_000] });
const promise = () =>
  line(300, {
    description: 'What was promised for that number, in the language of the petition.',
    examples: ['The council replies'],
  });

export const MOST_THRESHOLDS = 10;

export const ThresholdInput = component(
  'ThresholdInput',
  closed(
    { value: thresholdValue(), promise: promise() },
    {
      description: 'What is promised for a number of signatures.',
      examples: [{ value: 10_000, promise: 'The council replies' }],
    },
  ),
);

export const Threshold = component(
  'Threshold',
  open(
    {
      value: thresholdValue(),
      promise: promise(),
      reached_at: nullable(instant({ description: 'When the total first reached it; null: not yet.' })),
    },
    {
      description:
        'What is promised for a number of signatures. Once reached, it stays so, even if signatures are invalidated later.',
      examples: [{ value: 10_000, promise: 'The council replies', reached_at: '2026-11-27T18:02:11.000Z' }],
    },
  ),
);
