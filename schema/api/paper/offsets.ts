import { exampleId, id } from '../common.js';
import {
  closed,
  component,
  day,
  instant,
  int,
  line,
  list,
  nullable,
  open,
  optional,
  ref,
  webUrl,
} from '../typebox.js';

/* Plain numbers from elsewhere, which explain a part of the counts to the public. */

const number = () =>
  int(1, 10_000_000, { description: 'How many people have signed there.', examples: [300] });
const source = () =>
  line(200, { description: 'Where the number comes from. Public.', examples: ['Petition at the town hall'] });
const url = () => webUrl({ description: 'Where it can be looked up. Public.' });
const countedOn = () => day({ description: 'The day of the number.' });

const INPUT_EXAMPLE = {
  count: 300,
  source: 'Petition at the town hall',
  url: 'https://ewehaven.example/petitions/17',
  counted_on: '2026-11-21',
};

export const OffsetInput = component(
  'OffsetInput',
  closed(
    {
      count: number(),
      source: source(),
      url: optional(nullable(url())),
      counted_on: optional(nullable(countedOn())),
    },
    { description: 'A number that was counted elsewhere.', examples: [INPUT_EXAMPLE] },
  ),
);

const EXAMPLE = {
  id: exampleId('ofs'),
  petition_id: exampleId('pet'),
  ...INPUT_EXAMPLE,
  created_at: '2026-11-23T19:04:05.678Z',
};

export const Offset = component(
  'Offset',
  open(
    {
      id: id('ofs', 'The offset.'),
      petition_id: id('pet', 'The petition.'),
      count: number(),
      source: source(),
      url: nullable(url()),
      counted_on: nullable(countedOn()),
      created_at: instant({ description: 'When it was added.' }),
    },
    { description: 'A number that was counted elsewhere, and is part of the total.', examples: [EXAMPLE] },
  ),
);

export const OffsetList = component(
  'OffsetList',
  open(
    { data: list(ref(Offset), 100, { description: 'All of them, oldest first.' }) },
    { description: 'The offsets of a petition.', examples: [{ data: [EXAMPLE] }] },
  ),
);

export const OffsetPath = closed({ offset: id('ofs', 'The offset.') });
