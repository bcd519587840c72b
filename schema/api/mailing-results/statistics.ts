import { Type } from '@sinclair/typebox';
import { MAILING_METRICS } from '../../db/tables/mailings.js';
import { RECIPIENT_STATES } from '../../db/tables/sending.js';
import { exampleId, id, localeTag } from '../common.js';
import {
  closed,
  component,
  enumOf,
  instant,
  int,
  line,
  list,
  nullable,
  nullableRef,
  open,
  optional,
  ref,
  webUrl,
} from '../typebox.js';

const MOST = 2_147_483_647;
const sum = (description: string) => int(0, MOST, { description });
const share = (description: string) => Type.Number({ minimum: 0, description });

const figures = {
  sent: sum('Mails that a mail server has taken.'),
  bounced: sum(
    'There is no such mailbox: it was told later, or at once. What was refused at once is among `failed` of `states`, too, and not among `sent`.',
  ),
  soft_bounced: sum('The mailbox took nothing, but may later.'),
  refused: sum('The mailbox’s server did not want this mail.'),
  complained: sum('Reported as spam.'),
  unsubscribed: sum('Left through a link of the mailing.'),
  clicks: sum('Clicks of people, each browser once for a link and half an hour.'),
  machine_clicks: sum('Clicks of scanners, prefetches and other programs.'),
  signatures: sum('Signatures that it brought, pending or confirmed. Of those that you may see.'),
  confirmed_signatures: sum('Those that are confirmed.'),
};

const FIGURES_EXAMPLE = {
  sent: 9800,
  bounced: 40,
  soft_bounced: 12,
  refused: 5,
  complained: 1,
  unsubscribed: 20,
  clicks: 1200,
  machine_clicks: 2300,
  signatures: 610,
  confirmed_signatures: 540,
};

const STATES_EXAMPLE = {
  queued: 0,
  claimed: 0,
  sending: 0,
  sent: 9800,
  deferred: 0,
  failed: 150,
  skipped: 48,
  uncertain: 2,
};

const MailingStates = component(
  'MailingStates',
  open(
    Object.fromEntries(
      RECIPIENT_STATES.map((state) => [state, sum(`Recipients who are ${state}.`)]),
    ) as Record<(typeof RECIPIENT_STATES)[number], ReturnType<typeof sum>>,
    {
      description: 'The audience by state: its numbers add up to it at every moment.',
      examples: [STATES_EXAMPLE],
    },
  ),
);

export const VariantStatistics = component(
  'VariantStatistics',
  open(
    {
      id: id('mvr', 'The wording.'),
      name: line(100, { description: 'Its name.' }),
      states: ref(MailingStates),
      ...figures,
      click_rate: share('`clicks` for each mail that was sent.'),
      confirmed_rate: share('`confirmed_signatures` for each mail that was sent.'),
      chance_to_be_best: nullable(
        share(
          'How likely it has the highest rate, from 0 to 1, by the metric of the test: from what is known now, or, once a winner is chosen, what was known then. Null without a test.',
        ),
      ),
      winner: Type.Boolean({ description: 'Whether the rest of the audience gets it.' }),
    },
    {
      description: 'What one wording has brought.',
      examples: [
        {
          id: exampleId('mvr'),
          name: 'A',
          states: STATES_EXAMPLE,
          ...FIGURES_EXAMPLE,
          click_rate: 0.122,
          confirmed_rate: 0.055,
          chance_to_be_best: 0.93,
          winner: true,
        },
      ],
    },
  ),
);

export const LinkStatistics = component(
  'LinkStatistics',
  open(
    {
      variant_id: id('mvr', 'The wording that it is in.'),
      position: int(0, 10_000, { description: 'Its place in the text.' }),
      url: nullable(webUrl({ description: 'Where it leads; null: to the petition.' })),
      clicks: figures.clicks,
      machine_clicks: figures.machine_clicks,
    },
    {
      description: 'The clicks on one link.',
      examples: [
        { variant_id: exampleId('mvr'), position: 0, url: null, clicks: 1100, machine_clicks: 2000 },
      ],
    },
  ),
);

export const MailingHour = component(
  'MailingHour',
  open(
    { from: instant({ description: 'When the hour begins.' }), ...figures },
    {
      description:
        'What happened in one hour. Signatures are in the hour in which they were made, and again in that in which they were confirmed.',
      examples: [{ from: '2026-11-23T08:00:00.000Z', ...FIGURES_EXAMPLE }],
    },
  ),
);

export const MailingTest = component(
  'MailingTest',
  open(
    {
      metric: enumOf(MAILING_METRICS, { description: 'What decides.' }),
      share: int(1, 100, { description: 'The share of the audience that gets the test, in percent.' }),
      winner_id: nullable(id('mvr', 'The wording that the rest gets; null: not chosen yet.')),
      decided_at: nullable(instant({ description: 'When it was chosen.' })),
      best_chance: share('The highest chance of any wording to be the best, from 0 to 1.'),
      proven: Type.Boolean({
        description:
          'Whether that is at least 0.9, with 50 mails of each wording. Otherwise nothing is proven, and the first wording is taken.',
      }),
    },
    {
      description: 'The test of several wordings.',
      examples: [
        {
          metric: 'confirmed_signatures',
          share: 20,
          winner_id: null,
          decided_at: null,
          best_chance: 0.93,
          proven: true,
        },
      ],
    },
  ),
);

export const MailingStatistics = component(
  'MailingStatistics',
  open(
    {
      mailing_id: id('mlg', 'The mailing.'),
      audience: sum('The people whom it is for: the sum of `states`.'),
      states: ref(MailingStates),
      ...figures,
      test: nullableRef(MailingTest, { description: 'The test; null: there is one wording.' }),
      variants: list(ref(VariantStatistics), 8, { description: 'Each wording, in their order.' }),
      links: list(ref(LinkStatistics), 10_000, { description: 'Each link of each wording.' }),
      hours: list(ref(MailingHour), 2200, {
        description: 'The hours in which something happened, oldest first.',
      }),
    },
    {
      description: 'What a mailing has brought: sums, and nothing about one person.',
      examples: [
        {
          mailing_id: exampleId('mlg'),
          audience: 10_000,
          states: STATES_EXAMPLE,
          ...FIGURES_EXAMPLE,
          test: null,
          variants: [],
          links: [],
          hours: [],
        },
      ],
    },
  ),
);

export const WinnerInput = component(
  'MailingWinnerInput',
  closed(
    { variant_id: id('mvr', 'The wording that the rest of the audience gets.') },
    { description: 'The winner of a test.', examples: [{ variant_id: exampleId('mvr') }] },
  ),
);

export const MailingChartQuery = closed({
  locale: optional(
    localeTag({ description: 'The language of its words; if absent, that of the mailing. Else English.' }),
  ),
});
