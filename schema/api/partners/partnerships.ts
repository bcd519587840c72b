import { Type } from '@sinclair/typebox';
import { idPattern, SLUG_PATTERN } from '../../db/public-id.js';
import { LEAD_SEES, PARTNERSHIP_STATUSES } from '../../db/tables/partners.js';
import { exampleId, id, OrganizationSummary, paging, slug } from '../common.js';
import {
  closed,
  component,
  described,
  enumOf,
  instant,
  int,
  line,
  list,
  matching,
  nullable,
  nullableRef,
  open,
  optional,
  pageOf,
  ref,
  text,
} from '../typebox.js';

const MAX = 2_147_483_647;

const LEAD_SEES_WORDS =
  '`full`: everything. `names`: name, country, postal code, comment and dates, but no address, phone or id. `counts`: that somebody signed, and nothing that says who.';
const MAX_VOUCHED = 10_000_000;
const vouchLimit = () =>
  int(1, MAX_VOUCHED, {
    description:
      'How many signatures a day (UTC) count at once because its keys vouch for them. What comes beyond that is quarantined.',
    examples: [1000],
  });
const status = () =>
  enumOf(PARTNERSHIP_STATUSES, {
    description:
      'Where it stands. The keys of the partner collect signatures while it is `accepted`. A declined or ended one stays so: the lead may invite again.',
  });

export const PartnerInvitation = component(
  'PartnerInvitation',
  closed(
    {
      organization: matching(`(?:${idPattern('org')})|(?:${SLUG_PATTERN})`, 100, {
        rule: 'Write the id or the slug of an organization, like ewe-anglers.',
        description: 'The organization to invite: its id or its slug.',
        examples: ['ewe-anglers'],
      }),
      lead_sees: optional(
        enumOf(LEAD_SEES, {
          description: `What you want to see of the signatures that it collects; \`full\` if absent. ${LEAD_SEES_WORDS}`,
        }),
      ),
      may_vouch: optional(
        Type.Boolean({
          description:
            'Whether its keys may vouch for signatures of your petition, one by one and by import: they count on its word. False if absent.',
        }),
      ),
      vouch_limit: optional(vouchLimit()),
    },
    {
      description: 'An organization is asked to take part in a petition, on these terms.',
      examples: [
        { organization: 'ewe-anglers', lead_sees: 'names' },
        { organization: 'ewe-anglers', lead_sees: 'full', may_vouch: true, vouch_limit: 200 },
      ],
    },
  ),
);

export const PartnershipAcceptance = component(
  'PartnershipAcceptance',
  closed(
    {
      lead_sees: enumOf(LEAD_SEES, {
        description: 'The terms that you have read and accept: they must be those of the invitation.',
      }),
    },
    { description: 'The partner agrees to the terms.', examples: [{ lead_sees: 'names' }] },
  ),
);

export const PartnershipEnding = component(
  'PartnershipEnding',
  closed(
    { reason: optional(nullable(text(500, { description: 'Why, in words that the other side reads.' }))) },
    {
      description: 'A partnership is declined or ended.',
      examples: [{ reason: 'Our board has decided otherwise.' }, {}],
    },
  ),
);

export const PartnershipPetition = component(
  'PartnershipPetition',
  open(
    {
      id: id('pet', 'The petition.'),
      slug: slug('Its short name in URLs.'),
      title: line(200, { description: 'What it asks.' }),
    },
    {
      description: 'The petition of a partnership.',
      examples: [
        {
          id: exampleId('pet'),
          slug: 'save-the-old-mill-meadows',
          title: 'Keep the Old Mill Meadows a meadow',
        },
      ],
    },
  ),
);

const LEAD_EXAMPLE = {
  id: exampleId('org'),
  slug: 'river-meadows',
  name: 'River Meadows Alliance',
  url: 'https://rivermeadows.example',
};
const PARTNER_EXAMPLE = {
  id: 'org_01kb1vq6gzf8w2p5r9t3x7z1b4',
  slug: 'ewe-anglers',
  name: 'Anglers of the Ewe',
  url: 'https://ewe-anglers.example',
};
const EXAMPLE = {
  id: exampleId('ptn'),
  petition: {
    id: exampleId('pet'),
    slug: 'save-the-old-mill-meadows',
    title: 'Keep the Old Mill Meadows a meadow',
  },
  lead: LEAD_EXAMPLE,
  partner: PARTNER_EXAMPLE,
  status: 'invited',
  lead_sees: 'names',
  may_vouch: true,
  vouch_limit: 200,
  invited_at: '2026-11-20T10:00:00.000Z',
  answered_at: null,
  ended_at: null,
  reason: null,
};

export const Partnership = component(
  'Partnership',
  open(
    {
      id: id('ptn', 'The partnership.'),
      petition: ref(PartnershipPetition),
      lead: described(OrganizationSummary, 'The organization that leads the petition.'),
      partner: described(OrganizationSummary, 'The organization that was invited.'),
      status: status(),
      lead_sees: enumOf(LEAD_SEES, {
        description: `What the lead sees of the signatures that the partner collects under it, also after its end. ${LEAD_SEES_WORDS}`,
      }),
      may_vouch: Type.Boolean({
        description: 'Whether keys of the partner may vouch for signatures, one by one and by import.',
      }),
      vouch_limit: nullable(vouchLimit()),
      invited_at: instant({ description: 'When it was offered.' }),
      answered_at: nullable(instant({ description: 'When the partner accepted or declined.' })),
      ended_at: nullable(instant({ description: 'When it was ended, or the offer taken back.' })),
      reason: nullable(text(500, { description: 'What was said when it was declined or ended.' })),
    },
    {
      description: 'The part that one organization has, or was offered, in the petition of another.',
      examples: [EXAMPLE],
    },
  ),
);

export const PartnershipPage = component(
  'PartnershipPage',
  pageOf(Partnership, {
    description: 'A page of your partnerships, latest first.',
    examples: [{ data: [EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const PartnershipQuery = closed({
  ...paging,
  status: optional(enumOf(PARTNERSHIP_STATUSES, { description: 'Only these: `invited` wait for you.' })),
});
export const PartnershipPath = closed({ partnership: id('ptn', 'The partnership.') });

export const PartnerVouching = component(
  'PartnerVouching',
  open(
    {
      limit: nullable(int(1, MAX_VOUCHED, { description: 'How many a day count at once; null: none may.' })),
      counted: int(0, MAX, { description: 'How many signatures began to count on its word.' }),
      held: int(0, MAX, { description: 'How many more were quarantined, beyond the limit.' }),
    },
    {
      description:
        'What a partner may vouch for, and what it has vouched for, in all of its partnerships: whatever has become of the signatures since.',
      examples: [{ limit: 200, counted: 412, held: 0 }],
    },
  ),
);

const confirmed = () => int(0, MAX, { description: 'Its confirmed signatures.' });
const pending = () =>
  nullable(
    int(0, MAX, {
      description:
        'Those that wait for confirmation: for a lead from whom no terms hide anything; else null.',
    }),
  );

export const PartnerStanding = component(
  'PartnerStanding',
  open(
    {
      partnership_id: nullable(id('ptn', 'The partnership; null: one of others.')),
      organization: described(OrganizationSummary, 'The partner.'),
      status: status(),
      lead_sees: nullable(
        enumOf(LEAD_SEES, { description: 'The terms; null: agreed between others. See `Partnership`.' }),
      ),
      vouching: nullableRef(PartnerVouching, { description: 'For the lead; null for partners.' }),
      invited_at: instant({ description: 'When it was invited.' }),
      answered_at: nullable(instant({ description: 'When it accepted or declined.' })),
      confirmed: confirmed(),
      pending: pending(),
    },
    {
      description: 'A partner, and how many signatures are attributed to it.',
      examples: [
        {
          partnership_id: exampleId('ptn'),
          organization: PARTNER_EXAMPLE,
          status: 'accepted',
          lead_sees: 'names',
          vouching: { limit: 200, counted: 412, held: 0 },
          invited_at: '2026-11-20T10:00:00.000Z',
          answered_at: '2026-11-21T09:30:00.000Z',
          confirmed: 1312,
          pending: 41,
        },
      ],
    },
  ),
);

export const AttributedCounts = component(
  'AttributedCounts',
  open(
    { confirmed: confirmed(), pending: pending() },
    {
      description: 'How many signatures are attributed to somebody, or to nobody.',
      examples: [{ confirmed: 2899, pending: 120 }],
    },
  ),
);

export const PartnerStatistics = component(
  'PartnerStatistics',
  open(
    {
      petition_id: id('pet', 'The petition.'),
      lead: described(AttributedCounts, 'What is attributed to the lead organization.'),
      unattributed: described(AttributedCounts, 'What nobody brought.'),
      partners: list(ref(PartnerStanding), 1000, {
        description: 'Most confirmed signatures first, of equals the oldest partnership. At most 1,000.',
      }),
    },
    {
      description: 'What everybody in the coalition has brought: sums, never people.',
      examples: [
        {
          petition_id: exampleId('pet'),
          lead: { confirmed: 812, pending: 30 },
          unattributed: { confirmed: 2087, pending: 90 },
          partners: [
            {
              partnership_id: exampleId('ptn'),
              organization: PARTNER_EXAMPLE,
              status: 'accepted',
              lead_sees: 'names',
              vouching: { limit: 200, counted: 412, held: 0 },
              invited_at: '2026-11-20T10:00:00.000Z',
              answered_at: '2026-11-21T09:30:00.000Z',
              confirmed: 1312,
              pending: 41,
            },
          ],
        },
      ],
    },
  ),
);
