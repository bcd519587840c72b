import { Type, type TSchema } from '@sinclair/typebox';
import { MOST_CLAUSES, type Clause } from '../../db/tables/segments.js';
import { FREQUENCIES } from '../../db/tables/subscriptions.js';
import { exampleId, id, localeTag, ownPetition, typedCountry } from '../common.js';
import { source } from '../signatures/signing.js';
import { closed, component, enumOf, instant, int, line, list, optional, ref } from '../typebox.js';

/* Whom a mailing goes to: a tree of conditions on subscribers. */

const MOST_VALUES = 100;

const values = <T extends TSchema>(item: T, description: string) =>
  optional(list(item, MOST_VALUES, { minItems: 1, description }));

const span = (what: string) => ({
  since: optional(instant({ description: `${what} at this time or later.` })),
  until: optional(instant({ description: `${what} before this time.` })),
});

/** One condition, of 13 kinds. It refers to itself, so its type is the table's. */
const self = Type.Unsafe<Clause>({ $ref: 'SegmentClause#' });

const several = (description: string) =>
  optional(list(self, MOST_CLAUSES, { minItems: 1, description: `${description} At most ${MOST_CLAUSES}.` }));

const ownMailing = () => id('mlg', 'A mailing of yours.');

const SignedClause = component(
  'SegmentSigned',
  closed(
    {
      petition: ownPetition('Id or slug of a petition that you lead or are a partner of.'),
      ...span('Signed'),
    },
    {
      description:
        'Has a confirmed signature on a petition, which you may see with its address. Signatures that the terms of a coalition hide from you select nobody.',
      examples: [{ petition: exampleId('pet'), since: '2026-11-01T00:00:00.000Z' }],
    },
  ),
);

const SubscribedClause = component(
  'SegmentSubscribed',
  closed(
    { ...span('Subscribed') },
    {
      minProperties: 1,
      description: 'When the present subscription began.',
      examples: [{ since: '2026-11-01T00:00:00.000Z' }],
    },
  ),
);

const CameByClause = component(
  'SegmentCameBy',
  closed(
    { mailing: ownMailing() },
    {
      description: 'Has a confirmed signature, which you may see, through a link of this mailing.',
      examples: [{ mailing: exampleId('mlg') }],
    },
  ),
);

const MailedClause = component(
  'SegmentMailed',
  closed(
    {
      mailing: optional(ownMailing()),
      within_days: optional(
        int(1, 400, {
          description:
            'Any mailing of yours within this many days. Who got a mailing is forgotten 400 days after it has ended.',
        }),
      ),
    },
    {
      minProperties: 1,
      maxProperties: 1,
      description:
        'Was sent this mailing, or any mailing of yours lately. Mails of uncertain fate count as sent. A mailing that ended more than 400 days ago selects nobody.',
      examples: [{ within_days: 7 }],
    },
  ),
);

const SampleClause = component(
  'SegmentSample',
  closed(
    {
      percent: Type.Number({
        minimum: 0.01,
        maximum: 100,
        description: 'The share of your subscribers.',
        examples: [10],
      }),
      seed: optional(line(100, { description: 'Another seed draws other people.', examples: ['autumn'] })),
    },
    {
      description: 'A random share of your subscribers; the same people at each time for the same seed.',
      examples: [{ percent: 10, seed: 'autumn' }],
    },
  ),
);

export const CLAUSE_EXAMPLE = {
  all: [
    { signed: { petition: exampleId('pet') } },
    { not: { mailed: { within_days: 7 } } },
    { country: ['NL', 'BE'] },
  ],
} satisfies Clause;

const made = component(
  'SegmentClause',
  closed(
    {
      all: several('Subscribers for whom all of these hold.'),
      any: several('Subscribers for whom at least one of these holds.'),
      not: optional(self),
      signed: optional(ref(SignedClause)),
      subscribed: optional(ref(SubscribedClause)),
      country: values(
        typedCountry(),
        'One of these countries is in the contact data that you keep, or in a signature that you may see with its address.',
      ),
      region: values(
        line(200, { description: 'A region.', examples: ['Noord-Holland'] }),
        'One of these regions is in the postal address of that contact data, or of such a signature. All letters may be small or capital.',
      ),
      locale: values(localeTag(), 'The language of the subscription; `pt` includes `pt-BR`.'),
      source: values(source(), 'The source of the subscription.'),
      came_by: optional(ref(CameByClause)),
      mailed: optional(ref(MailedClause)),
      frequency: values(
        enumOf(FREQUENCIES, { description: 'How often they want to be mailed at most.' }),
        'The frequency that the subscriber has chosen.',
      ),
      sample: optional(ref(SampleClause)),
    },
    {
      minProperties: 1,
      maxProperties: 1,
      description: `A condition on your subscribers: exactly one member. \`all\`, \`any\` and \`not\` combine others, ${MOST_CLAUSES} in all, at most five deep. Only what you may see of a signature can select its signer.`,
      examples: [CLAUSE_EXAMPLE, { sample: { percent: 10 } }],
    },
  ),
);

export const SegmentClause = Type.Unsafe<Clause>(made);
