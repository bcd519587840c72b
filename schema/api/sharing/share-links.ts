import { Type } from '@sinclair/typebox';
import { NETWORKS } from '../../db/tables/sharing.js';
import { ownPetition, exampleId, id, paging, shareCode, typedLocale } from '../common.js';
import { source } from '../signatures/signing.js';
import {
  closed,
  component,
  enumOf,
  instant,
  int,
  list,
  matching,
  nullable,
  open,
  optional,
  pageOf,
  ref,
  text,
  webUrl,
} from '../typebox.js';

const MAX = 2_147_483_647;
const LOCALE =
  'The `locale` of the petition as it was shown: the link shares that translation, with its texts and page.';

const network = (description: string) => enumOf(NETWORKS, { description, examples: ['whatsapp'] });
const count = (description: string) => int(0, MAX, { description });

const clicks = () => count('How often it was followed, as far as it looks like by a person.');
const conversions = () =>
  count('Confirmed signatures that it brought, without those that were invalidated or withdrawn.');
const requests = () => count('How often it was requested, including by previews and robots.');

export const ShareLinkInput = component(
  'ShareLinkInput',
  closed(
    {
      network: network('Where it will be shared.'),
      receipt: optional(
        nullable(
          matching('^rc_[A-Za-z0-9_-]{59}$', 62, {
            rule: 'Send the receipt that signing returned.',
            description:
              'The receipt of a signature: the link is credited to it. Another request with the same receipt and network returns the same link.',
            examples: ['rc_Vq0mJ2c1nXf8c0r6Zk3lY9wTgB5aDhS7eUoP4iKjM2NnRtQxWvCzLyAbEdG'],
          }),
        ),
      ),
      source: optional(nullable(source())),
      locale: optional(nullable(typedLocale({ description: LOCALE }))),
    },
    {
      description: 'A request for a link to share a petition with.',
      examples: [
        {
          network: 'whatsapp',
          receipt: 'rc_Vq0mJ2c1nXf8c0r6Zk3lY9wTgB5aDhS7eUoP4iKjM2NnRtQxWvCzLyAbEdG',
          source: 'thank-you-page',
        },
      ],
    },
  ),
);

const LINK_EXAMPLE = {
  code: 'h7Kq2mWz9T',
  petition_id: exampleId('pet'),
  network: 'whatsapp',
  url: 'https://petitions.example/s/h7Kq2mWz9T',
  text: 'I signed for the meadows. You?',
  composer_url:
    'https://wa.me/?text=I%20signed%20for%20the%20meadows.%20You%3F%20https%3A%2F%2Fpetitions.example%2Fs%2Fh7Kq2mWz9T',
  qr_svg_url: 'https://petitions.example/s/h7Kq2mWz9T/qr.svg',
  qr_png_url: 'https://petitions.example/s/h7Kq2mWz9T/qr.png',
  credited: true,
  created_at: '2026-11-23T19:07:12.345Z',
  clicks: 12,
  conversions: 3,
};

const linkFields = {
  code: shareCode(
    'The code of the link. Send it as `share_code` with signatures of people who came through it.',
  ),
  petition_id: id('pet', 'The petition.'),
  network: network('Where it is shared.'),
  url: webUrl({ description: 'The link to share: it redirects to the page of the petition.' }),
  text: nullable(
    text(1000, {
      description:
        'The share text of the petition for this network, one of several if there are more; null without one.',
    }),
  ),
  composer_url: nullable(
    Type.String({
      pattern: '^(?:https://|sms:|mailto:)[!-~]+$',
      maxLength: 20_000,
      description:
        'Opens the network’s composer with the link, and with the text where the network allows it. Null for `copy` and `signal`, which have none.',
    }),
  ),
  qr_svg_url: webUrl({ description: 'The link as a scalable QR code.' }),
  qr_png_url: webUrl({ description: 'The link as a QR code in pixels.' }),
  credited: Type.Boolean({ description: 'Whether it was made with a receipt.' }),
  created_at: instant({ description: 'When it was made.' }),
  clicks: clicks(),
  conversions: conversions(),
};

export const ShareLink = component(
  'ShareLink',
  open(linkFields, {
    description: 'A link for sharing a petition, and what it has brought: sums, never people.',
    examples: [LINK_EXAMPLE],
  }),
);

export const ShareLinkPath = closed({ code: shareCode('The code of the link.') });

const OWN_EXAMPLE = {
  ...LINK_EXAMPLE,
  variant_id: exampleId('var'),
  organization_id: exampleId('org'),
  source: 'thank-you-page',
  requests: 19,
};

export const OwnShareLink = component(
  'OwnShareLink',
  open(
    {
      ...linkFields,
      variant_id: id('var', 'The wording of its text: see `getShareStatistics`.'),
      organization_id: nullable(
        id('org', 'The organization that its signatures are attributed to, unless sent with another key.'),
      ),
      source: nullable(source()),
      requests: requests(),
    },
    { description: 'A share link as organisers see it.', examples: [OWN_EXAMPLE] },
  ),
);

export const OwnShareLinkPage = component(
  'OwnShareLinkPage',
  pageOf(OwnShareLink, {
    description: 'A page of share links, latest first.',
    examples: [{ data: [OWN_EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

const networkFilter = () => optional(network('Only links for this network.'));
const organizationFilter = () => optional(id('org', 'Only links that are attributed to this organization.'));

export const ShareLinkQuery = closed({
  petition: ownPetition('Id or slug of a petition that you lead or are a partner of.'),
  network: networkFilter(),
  organization: organizationFilter(),
  source: optional(source()),
  ...paging,
});

const sums = {
  links: count('Links that were made.'),
  requests: requests(),
  clicks: clicks(),
  conversions: conversions(),
};
const SUMS_EXAMPLE = { links: 420, requests: 5310, clicks: 1984, conversions: 611 };

export const ShareTotals = component(
  'ShareTotals',
  open(sums, { description: 'What links have brought.', examples: [SUMS_EXAMPLE] }),
);

const ROW_EXAMPLE = {
  network: 'whatsapp',
  variant_id: exampleId('var'),
  text: 'I signed for the meadows. You?',
  organization_id: null,
  from: null,
  ...SUMS_EXAMPLE,
};

export const ShareStatisticsRow = component(
  'ShareStatisticsRow',
  open(
    {
      network: nullable(network('The network, if grouped by `network` or `variant`.')),
      variant_id: nullable(id('var', 'The wording, if grouped by `variant`.')),
      text: nullable(
        text(1000, {
          description: 'Its text, if grouped by `variant`; null: links without one.',
        }),
      ),
      organization_id: nullable(
        id('org', 'The organization, if grouped by `organization`; null: links of no organization.'),
      ),
      from: nullable(instant({ description: 'Start of the hour or day (UTC), if grouped by these.' })),
      ...sums,
    },
    {
      description: 'The sums of one group. Members that do not identify the group are null.',
      examples: [ROW_EXAMPLE],
    },
  ),
);

/** How statistics can be grouped. */
const GROUPS = ['network', 'variant', 'organization', 'hour', 'day'] as const;

export const ShareStatistics = component(
  'ShareStatistics',
  open(
    {
      group: enumOf(GROUPS, { description: 'How the rows are grouped.' }),
      from: instant({ description: 'Start of the range: a full hour.' }),
      before: instant({ description: 'End of the range, exclusive: a full hour.' }),
      totals: ref(ShareTotals),
      data: list(ref(ShareStatisticsRow), 9000, {
        description: 'One row for each group, oldest first; empty ones are left out.',
      }),
    },
    {
      description:
        'What share links have brought. Links are counted at the time they were made, clicks when they happened, conversions when the signature was confirmed.',
      examples: [
        {
          group: 'variant',
          from: '2026-11-01T00:00:00.000Z',
          before: '2026-12-01T00:00:00.000Z',
          totals: SUMS_EXAMPLE,
          data: [ROW_EXAMPLE],
        },
      ],
    },
  ),
);

export const ShareStatisticsQuery = closed({
  group: optional(
    enumOf(GROUPS, {
      description: 'By network (if absent), by wording, by organization, or over time by hour or day (UTC).',
    }),
  ),
  from: optional(
    instant({
      description: 'Start of the range. Default: 7 days before `before` by hour, 365 by day, else unlimited.',
    }),
  ),
  before: optional(instant({ description: 'End of the range, exclusive. Default: now.' })),
  network: networkFilter(),
  organization: organizationFilter(),
});

/** For schema/api/my-data/my-signatures.ts. */
export const SHARED_EXAMPLE = { links: 2, clicks: 31, conversions: 3 };

export const MyShareTotals = component(
  'MyShareTotals',
  open(
    {
      links: count('Links that were made with the receipt of this signature.'),
      clicks: clicks(),
      conversions: count('Confirmed signatures of people who came through them: how many, never who.'),
    },
    { description: 'What sharing the signature has brought.', examples: [SHARED_EXAMPLE] },
  ),
);

export const EXPORTED_SHARE_LINK_EXAMPLE = {
  code: LINK_EXAMPLE.code,
  petition_id: LINK_EXAMPLE.petition_id,
  network: LINK_EXAMPLE.network,
  source: 'thank-you-page',
  created_at: LINK_EXAMPLE.created_at,
  clicks: LINK_EXAMPLE.clicks,
  conversions: LINK_EXAMPLE.conversions,
};

export const ExportedShareLink = component(
  'ExportedShareLink',
  open(
    {
      code: linkFields.code,
      petition_id: linkFields.petition_id,
      network: linkFields.network,
      source: nullable(source()),
      created_at: linkFields.created_at,
      clicks: linkFields.clicks,
      conversions: linkFields.conversions,
    },
    {
      description: 'A link that was made with the receipt of a signature, to share its petition.',
      examples: [EXPORTED_SHARE_LINK_EXAMPLE],
    },
  ),
);
