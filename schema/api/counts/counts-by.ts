import { Type, type Static } from '@sinclair/typebox';
import { countryCode, PetitionPath } from '../common.js';
import { closed, component, enumOf, instant, int, line, list, nullable, open, ref } from '../typebox.js';

const MAX = 2_147_483_647;
const MOST = 1000;

const DIMENSIONS = ['country', 'region', 'source'] as const;

export const CountsByPath = closed({
  ...PetitionPath.properties,
  dimension: enumOf(DIMENSIONS, { description: 'By what the signatures are counted.' }),
});

export const CountCell = component(
  'CountCell',
  open(
    {
      country: nullable({
        ...countryCode(),
        description:
          'The country of these signatures, where they are counted by country or region and have one.',
      }),
      region: nullable(
        line(200, {
          description:
            'Their region as signers wrote it into their postal address, where they are counted by region and have one.',
        }),
      ),
      source: nullable(line(100, { description: 'Their `source`, where they are counted by source.' })),
      confirmed: int(1, MAX, { description: 'How many count.' }),
    },
    {
      description: 'The signatures of one country, region or source.',
      examples: [{ country: 'NL', region: null, source: null, confirmed: 3120 }],
    },
  ),
);

export const PetitionCountsBy = component(
  'PetitionCountsBy',
  open(
    {
      by: enumOf(DIMENSIONS, { description: 'By what they are counted.' }),
      exact: Type.Boolean({
        description:
          'Whether these are all signatures as of the last commit: for a secret key of the lead organization, unless the terms of a partner hide signatures from it. Otherwise small numbers, and small changes, are in `other`.',
      }),
      as_of: nullable(
        instant({
          description:
            'The minute in which these numbers were told; null where `exact`, and while there are too few to tell anything.',
        }),
      ),
      total: int(0, MAX, {
        description: '`data`, `unknown` and `other` together: the `confirmed` of the counts at that time.',
      }),
      data: list(ref(CountCell), MOST, { description: 'Largest first; the largest 1,000.' }),
      unknown: int(0, MAX, {
        description:
          'Signatures that say nothing of it; by region, those that have no country either. Where they are too few to tell, they are in `other`.',
      }),
      other: int(0, MAX, { description: 'All the rest.' }),
    },
    {
      description: 'How many have signed, by country, region or source.',
      examples: [
        {
          by: 'country',
          exact: false,
          as_of: '2026-11-23T19:04:00.000Z',
          total: 4211,
          data: [
            { country: 'NL', region: null, source: null, confirmed: 3120 },
            { country: 'BE', region: null, source: null, confirmed: 840 },
          ],
          unknown: 230,
          other: 21,
        },
      ],
    },
  ),
);
export type PetitionCountsBy = Static<typeof PetitionCountsBy>;
