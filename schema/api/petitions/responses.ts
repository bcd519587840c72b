import { RESPONSE_KINDS } from '../../db/tables/petitions.js';
import { exampleId, id } from '../common.js';
import {
  closed,
  component,
  day,
  enumOf,
  instant,
  int,
  line,
  list,
  matching,
  nullable,
  open,
  optional,
  ref,
  text,
  typedLine,
  webUrl,
} from '../typebox.js';

/* The answers of those whom a petition addresses, and hearings about it. */

const kind = () =>
  enumOf(RESPONSE_KINDS, {
    description: '`response`: somebody has answered. `hearing`: the petition is or was heard.',
  });
const who = () =>
  line(200, { description: 'Who answers, or who holds the hearing.', examples: ['Ewehaven Town Council'] });
const words = () =>
  nullable(
    text(10_000, {
      description: 'The answer, or a note on the hearing, in Markdown without HTML or citations.',
    }),
  );
const date = () => day({ description: 'The day of the answer or of the hearing.' });
const time = () =>
  nullable(
    matching('^(?:[01]\\d|2[0-3]):[0-5]\\d$', 5, {
      rule: 'Write hours and minutes, like 18:30.',
      description: 'When a hearing begins, as clocks in `time_zone` show it; null: only the day is known.',
      examples: ['18:30'],
    }),
  );
const typedTime = () =>
  nullable(
    typedLine(20, {
      description:
        'When a hearing begins, as clocks in `time_zone` show it; null: only the day is known. `9:30`, `18.30` and `6:30 pm` are understood.',
      examples: ['18:30'],
    }),
  );
const typedZone = () =>
  nullable(
    typedLine(60, {
      description:
        'The time zone of `time`, a name of IANA. `europe/berlin` and `America/New York` are understood.',
      examples: ['Europe/Berlin'],
    }),
  );
const timeZone = () =>
  nullable(
    matching('^[A-Za-z][A-Za-z0-9_+-]*(?:[/ ][A-Za-z0-9_+-]+)*$', 60, {
      rule: 'Write a time zone of IANA, like Europe/Berlin.',
      description: 'The time zone of `time`, a name of IANA.',
      examples: ['Europe/Berlin'],
    }),
  );
const place = () =>
  nullable(line(300, { description: 'Where a hearing is held.', examples: ['Town hall, room 4'] }));
const url = () => nullable(webUrl({ description: 'Where it can be read or followed.' }));
const threshold = () =>
  nullable(
    int(1, 2_000_000_000, {
      description: 'The `value` of the threshold that it answers; null: none.',
      examples: [10_000],
    }),
  );

const INPUT_EXAMPLE = {
  kind: 'response',
  who: 'Ewehaven Town Council',
  text: 'The council will look at **other sites** before it decides.',
  date: '2026-12-04',
  url: 'https://ewehaven.example/council/412',
};

export const ResponseInput = component(
  'ResponseInput',
  closed(
    {
      kind: optional(kind()),
      who: who(),
      text: optional(words()),
      date: date(),
      time: optional(typedTime()),
      time_zone: optional(typedZone()),
      place: optional(place()),
      url: optional(url()),
      threshold: optional(threshold()),
    },
    {
      description:
        'A response, or a hearing: only hearings have `time` (with `time_zone`) and `place`. `kind` is `response` if absent.',
      examples: [INPUT_EXAMPLE],
    },
  ),
);

export const ResponsePatch = component(
  'ResponsePatch',
  closed(
    {
      who: optional(who()),
      text: optional(words()),
      date: optional(date()),
      time: optional(typedTime()),
      time_zone: optional(typedZone()),
      place: optional(place()),
      url: optional(url()),
      threshold: optional(threshold()),
    },
    {
      minProperties: 1,
      description: 'A JSON Merge Patch (RFC 7396): absent is unchanged, null is cleared. `kind` stays.',
      examples: [{ date: '2026-12-05', url: null }],
    },
  ),
);

const EXAMPLE = {
  id: exampleId('rsp'),
  petition_id: exampleId('pet'),
  ...INPUT_EXAMPLE,
  text_html: '<p>The council will look at <strong>other sites</strong> before it decides.</p>\n',
  time: null,
  time_zone: null,
  place: null,
  threshold: 10_000,
  created_at: '2026-12-04T16:20:00.000Z',
  updated_at: '2026-12-04T16:20:00.000Z',
};

export const PetitionResponse = component(
  'PetitionResponse',
  open(
    {
      id: id('rsp', 'The response or hearing.'),
      petition_id: id('pet', 'The petition.'),
      kind: kind(),
      who: who(),
      text: words(),
      text_html: nullable(text(100_000, { description: 'The same as HTML, safe to insert into a page.' })),
      date: date(),
      time: time(),
      time_zone: timeZone(),
      place: place(),
      url: url(),
      threshold: threshold(),
      created_at: instant({ description: 'When it was recorded.' }),
      updated_at: instant({ description: 'When it was last changed.' }),
    },
    { description: 'An answer to a petition, or a hearing about it.', examples: [EXAMPLE] },
  ),
);

export const PetitionResponseList = component(
  'PetitionResponseList',
  open(
    { data: list(ref(PetitionResponse), 100, { description: 'All of them, newest first.' }) },
    { description: 'The responses and hearings of a petition.', examples: [{ data: [EXAMPLE] }] },
  ),
);

export const ResponsePath = closed({ response: id('rsp', 'The response or hearing.') });
