import { exampleId, id, paging, PetitionPath } from '../common.js';
import { closed, component, instant, int, line, nullable, open, pageOf } from '../typebox.js';

const EXAMPLE = {
  key_id: exampleId('key'),
  organization_id: exampleId('org'),
  organization_name: 'Anglers of the Ewe',
  asked: 312,
  confirmed: 5,
  isolated_at: '2026-11-23T19:04:00.000Z',
  released_at: null,
};

const number = (description: string) => int(0, 2_000_000_000, { description });

export const IsolatedKey = component(
  'IsolatedKey',
  open(
    {
      key_id: id('key', 'The key.'),
      organization_id: id('org', 'The organization of the key.'),
      organization_name: line(200, { description: 'The name of that organization.' }),
      asked: number(
        'How many mailboxes had been asked to confirm signatures through it, when it was isolated.',
      ),
      confirmed: number('How many of them had confirmed.'),
      isolated_at: instant({ description: 'When it was isolated.' }),
      released_at: nullable(instant({ description: 'When you released it; null: still isolated.' })),
    },
    {
      description: 'A key that was isolated for one petition, with the figures that led to it.',
      examples: [EXAMPLE],
    },
  ),
);

export const IsolatedKeyPage = component(
  'IsolatedKeyPage',
  pageOf(IsolatedKey, {
    description: 'A page of isolated keys, latest first, including released ones.',
    examples: [{ data: [EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const IsolatedKeyQuery = closed({ ...paging });
export const IsolatedKeyPath = closed({ ...PetitionPath.properties, key: id('key', 'The key.') });
