import { Type } from '@sinclair/typebox';
import type { Clause } from '../../db/tables/segments.js';
import { component } from '../typebox.js';

/** Conditions on subscribers. */
export const SegmentClause = component(
  'SegmentClause',
  Type.Unsafe<Clause>({
    type: 'object',
    minProperties: 1,
    maxProperties: 1,
    description: 'A condition on subscribers, or several combined with `all`, `any` and `not`.',
    examples: [{ all: [{ country: ['NL', 'BE'] }, { subscribed: { since: '2026-01-01T00:00:00Z' } }] }],
  }),
);
