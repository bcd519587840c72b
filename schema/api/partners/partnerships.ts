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
  '`full`: everything. `names`: name, country, postal code, comment and dates, but no address, phone, answers to own fields or id. `counts`: only that a person has signed, not who.';
const MAX_VOUCHED = 10_000_000;
const vouchLimit = () =>
  int(1, MAX_VOUCHED, {
    description:
      'How many signatures a day (UTC) count at once because the partner’s keys vouch for them. Further ones are quarantined.',
    examples: [1000],
  });
const status = () =>
  enumOf(PARTNERSHIP_STATUSES, {
    description:
      'The status. The keys of the partner collect signatures while it is `accepted`. `declined` and `ended` are final; the lead organization may send a new invitation.',
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
            'Whether its keys may vouch for signatures of your petition, one by one and by import, so that they count without confirmation. False if absent.',
        }),
      ),
      vouch_limit: optional(vouchLimit()),
    },
    {
      description: 'An invitation of an organization to take part in a petition, on these terms.',
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
      listed: optional(
        Type.Boolean({
          description: 'Whether the petition names you among its `partners`. True if absent.',
        }),
      ),
    },
    {
      description: 'The partner agrees to the terms.',
      examples: [{ lead_sees: 'names' }, { lead_sees: 'full', listed: false }],
    },
  ),
);

export const PartnershipEnding = component(
  'PartnershipEnding',
  closed(
    { reason: optional(nullable(text(500, { description: 'Why. The other side can read it.' }))) },
    {
      description: 'Declines or ends a partnership.',
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
  listed: true,
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
        description: `What the lead sees of the signatures that the partner collects under this partnership, also after its end. ${LEAD_SEES_WORDS}`,
      }),
      listed: Type.Boolean({
        description: 'Whether the petition names the partner among its `partners` while it is `accepted`.',
      }),
      may_vouch: Type.Boolean({
        description: 'Whether keys of the partner may vouch for signatures, one by one and by import.',
      }),
      vouch_limit: nullable(vouchLimit()),
      invited_at: instant({ description: 'When the partner was invited.' }),
      answered_at: nullable(instant({ description: 'When the partner accepted or declined.' })),
      ended_at: nullable(instant({ description: 'When it was ended, or the invitation withdrawn.' })),
      reason: nullable(text(500, { description: 'The reason given when it was declined or ended.' })),
    },
    {
      description:
        'The participation of one organization in the petition of another, or the invitation to it.',
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
  status: optional(
    enumOf(PARTNERSHIP_STATUSES, { description: 'Only this status: `invited` ones wait for your answer.' }),
  ),
});
export const PartnershipPath = closed({ partnership: id('ptn', 'The partnership.') });

export const PartnerVouching = component(
  'PartnerVouching',
  open(
    {
      limit: nullable(int(1, MAX_VOUCHED, { description: 'How many a day count at once; null: none.' })),
      counted: int(0, MAX, { description: 'Vouched signatures that began to count.' }),
      held: int(0, MAX, { description: 'How many more were quarantined, beyond the limit.' }),
    },
    {
      description:
        'How much a partner may vouch for, and how much it has vouched for, in all of its partnerships. Later changes of the signatures do not change these numbers.',
      examples: [{ limit: 200, counted: 412, held: 0 }],
    },
  ),
);

/** What an organization has brought. */
const brought = {
  confirmed: int(0, MAX, { description: 'Its confirmed signatures.' }),
  pending: nullable(
    int(0, MAX, {
      description:
        'Signatures that wait for confirmation, for a lead organization from which no terms hide signatures; else null.',
    }),
  ),
  paper: int(0, MAX, { description: 'Its signatures on paper that count.' }),
};

const STANDING_EXAMPLE = {
  partnership_id: exampleId('ptn'),
  organization: PARTNER_EXAMPLE,
  status: 'accepted',
  lead_sees: 'names',
  vouching: { limit: 200, counted: 412, held: 0 },
  invited_at: '2026-11-20T10:00:00.000Z',
  answered_at: '2026-11-21T09:30:00.000Z',
  confirmed: 1312,
  pending: 41,
  paper: 64,
};

export const PartnerStanding = component(
  'PartnerStanding',
  open(
    {
      partnership_id: nullable(id('ptn', 'The partnership; null for other partners.')),
      organization: described(OrganizationSummary, 'The partner.'),
      status: status(),
      lead_sees: nullable(
        enumOf(LEAD_SEES, { description: 'The terms; null for other partners. See `Partnership`.' }),
      ),
      vouching: nullableRef(PartnerVouching, { description: 'For the lead; null for partners.' }),
      invited_at: instant({ description: 'When it was invited.' }),
      answered_at: nullable(instant({ description: 'When it accepted or declined.' })),
      ...brought,
    },
    {
      description: 'A partner, and how many signatures are attributed to it.',
      examples: [STANDING_EXAMPLE],
    },
  ),
);

export const AttributedCounts = component(
  'AttributedCounts',
  open(brought, {
    description: 'Signatures that are attributed to an organization, or to none.',
    examples: [{ confirmed: 2899, pending: 120, paper: 0 }],
  }),
);

export const PartnerStatistics = component(
  'PartnerStatistics',
  open(
    {
      petition_id: id('pet', 'The petition.'),
      lead: described(AttributedCounts, 'Signatures that are attributed to the lead organization.'),
      unattributed: described(AttributedCounts, 'Signatures that are attributed to no organization.'),
      partners: list(ref(PartnerStanding), 1000, {
        description:
          'By confirmed signatures, most first; ties by age of the partnership, oldest first. At most 1,000.',
      }),
    },
    {
      description: 'How many signatures each organization of the coalition has brought: sums, never people.',
      examples: [
        {
          petition_id: exampleId('pet'),
          lead: { confirmed: 812, pending: 30, paper: 120 },
          unattributed: { confirmed: 2087, pending: 90, paper: 0 },
          partners: [STANDING_EXAMPLE],
        },
      ],
    },
  ),
);
