import { Type } from '@sinclair/typebox';
import { exampleId, id, paging } from '../common.js';
import {
  closed,
  component,
  instant,
  int,
  line,
  list,
  nullableRef,
  open,
  optional,
  pageOf,
  ref,
} from '../typebox.js';
import { MOST_CLAUSES } from '../../db/tables/segments.js';
import { CLAUSE_EXAMPLE, SegmentClause } from './clause.js';

const name = () => line(200, { description: 'Your name for it.', examples: ['Signed, not mailed lately'] });

const INPUT_EXAMPLE = { name: 'Signed, not mailed lately', clause: CLAUSE_EXAMPLE };

export const SegmentInput = component(
  'SegmentInput',
  closed(
    { name: name(), clause: ref(SegmentClause) },
    { description: 'A condition on your subscribers, under a name.', examples: [INPUT_EXAMPLE] },
  ),
);

export const SegmentPatch = component(
  'SegmentPatch',
  closed(
    { name: optional(name()), clause: optional(ref(SegmentClause)) },
    {
      minProperties: 1,
      description: 'What changes. The clause is replaced as a whole.',
      examples: [{ name: 'Signers in the Netherlands' }],
    },
  ),
);

const SEGMENT_EXAMPLE = {
  id: exampleId('seg'),
  ...INPUT_EXAMPLE,
  created_at: '2026-11-23T08:00:00.000Z',
  updated_at: '2026-11-23T08:00:00.000Z',
};

export const Segment = component(
  'Segment',
  open(
    {
      id: id('seg', 'The segment.'),
      name: name(),
      clause: ref(SegmentClause),
      created_at: instant({ description: 'When it was made.' }),
      updated_at: instant({ description: 'When it was last changed.' }),
    },
    { description: 'A condition on your subscribers, under a name.', examples: [SEGMENT_EXAMPLE] },
  ),
);

export const SegmentPage = component(
  'SegmentPage',
  pageOf(Segment, {
    description: 'A page of your segments, latest first.',
    examples: [{ data: [SEGMENT_EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const SegmentQuery = closed({ ...paging });
export const SegmentPath = closed({ segment: id('seg', 'The segment.') });

export const SegmentCountInput = component(
  'SegmentCountInput',
  closed(
    {
      clause: optional(
        nullableRef(SegmentClause, { description: 'A clause; null: all active subscribers.' }),
      ),
      segment: optional(id('seg', 'A saved segment.')),
    },
    {
      minProperties: 1,
      maxProperties: 1,
      description: 'What to count: a clause, or a saved segment.',
      examples: [{ clause: CLAUSE_EXAMPLE }],
    },
  ),
);

const people = (description: string) => int(0, 2_147_483_647, { description });

const CLAUSE_COUNT_EXAMPLE = { pointer: '/all/0', people: 1840 };

const SegmentClauseCount = component(
  'SegmentClauseCount',
  open(
    {
      pointer: Type.String({
        maxLength: 100,
        pattern: '^(?:/[a-z0-9]+)*$',
        description: 'Which clause: its JSON Pointer within the whole; empty for the whole.',
        examples: ['/all/0'],
      }),
      people: people('How many of your active subscribers it matches by itself.'),
    },
    { description: 'The figure of one clause.', examples: [CLAUSE_COUNT_EXAMPLE] },
  ),
);

export const SegmentCount = component(
  'SegmentCount',
  open(
    {
      total: people('How many people a mailing would reach at this moment.'),
      left_out: people('How many more match, but must not be mailed: their addresses are blocked.'),
      subscribers: people('Your active subscribers.'),
      clauses: list(ref(SegmentClauseCount), MOST_CLAUSES, {
        description: 'The figure of each clause, the whole first, each before those inside it.',
      }),
    },
    {
      description: 'How many people a segment holds.',
      examples: [
        {
          total: 1203,
          left_out: 2,
          subscribers: 5000,
          clauses: [
            { pointer: '', people: 1205 },
            CLAUSE_COUNT_EXAMPLE,
            { pointer: '/all/1', people: 4600 },
            { pointer: '/all/1/not', people: 400 },
            { pointer: '/all/2', people: 3100 },
          ],
        },
      ],
    },
  ),
);
