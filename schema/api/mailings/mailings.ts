import { Type } from '@sinclair/typebox';
import {
  MAILING_METRICS,
  MAILING_STATES,
  MOST_VARIANTS,
  PAUSE_REASONS,
  WINNER_CHOICES,
} from '../../db/tables/mailings.js';
import { exampleId, id, localeTag, paging } from '../common.js';
import { SegmentClause } from '../segments/clause.js';
import { source } from '../signatures/signing.js';
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
  pageOf,
  ref,
} from '../typebox.js';
import { mailingName } from './mailing-input.js';
import { MailingSender, MailingVariant, textsView } from './mailing-parts.js';

const summary = {
  id: id('mlg', 'The mailing: the `mailing_id` of signatures that its links have brought.'),
  name: mailingName(),
  petition_id: nullable(id('pet', 'The petition that it is about.')),
  source: nullable(source()),
  state: enumOf(MAILING_STATES, {
    description:
      'Where it is in its life. A mailing that you send with your own mailer stays a draft. `missed`: its moment went by without a start.',
  }),
  created_at: instant({ description: 'When it was made.' }),
  updated_at: nullable(instant({ description: 'When what it says last changed.' })),
  send_at: nullable(instant({ description: 'When it is to be sent.' })),
  time_zone: nullable(line(64, { description: 'The time zone in which that was said.' })),
  started_at: nullable(instant({ description: 'When it was started.' })),
  finished_at: nullable(instant({ description: 'When it ended.' })),
};

const SUMMARY_EXAMPLE = {
  id: exampleId('mlg'),
  name: 'Meadows, first mail',
  petition_id: exampleId('pet'),
  source: 'mail-1',
  state: 'draft',
  created_at: '2026-11-23T08:00:00.000Z',
  updated_at: null,
  send_at: null,
  time_zone: null,
  started_at: null,
  finished_at: null,
};

export const MailingSummary = component(
  'MailingSummary',
  open(summary, { description: 'A mailing without its texts.', examples: [SUMMARY_EXAMPLE] }),
);

const MAILING_EXAMPLE = {
  ...SUMMARY_EXAMPLE,
  sender: { name: 'Mo of River Meadows', reply_to: null },
  texts: { en: { subject: 'The meadows need you', markdown: '[[statement]]\n\n[[button]]' } },
  default_locale: null,
  variants: [{ id: exampleId('mvr'), name: 'A', sender_name: null, texts: {} }],
  segment: null,
  count_clicks: true,
  test_share: 100,
  metric: 'confirmed_signatures',
  winner: 'automatic',
  decide_after_hours: 4,
  winner_variant_id: null,
  decided_at: null,
  expires_at: null,
  pause_reason: null,
};

export const Mailing = component(
  'Mailing',
  open(
    {
      ...summary,
      sender: nullableRef(MailingSender, { description: 'Whom it is from; null: nothing was written.' }),
      texts: textsView('What it says, by language.'),
      default_locale: nullable(localeTag()),
      variants: list(ref(MailingVariant), MOST_VARIANTS, {
        description: 'Its wordings; empty where nothing was written.',
      }),
      segment: nullableRef(SegmentClause, {
        description: 'To whom it goes; null: to all active subscribers.',
      }),
      count_clicks: Type.Boolean({ description: 'Whether clicks are counted, by link and never by person.' }),
      test_share: int(1, 100, { description: 'The share of the audience that gets the test, in percent.' }),
      metric: enumOf(MAILING_METRICS, { description: 'What decides.' }),
      winner: enumOf(WINNER_CHOICES, { description: 'Whether the winner is chosen by itself or by you.' }),
      decide_after_hours: int(1, 168, { description: 'How long after the test the winner is chosen.' }),
      winner_variant_id: nullable(id('mvr', 'The variant that the rest gets.')),
      decided_at: nullable(instant({ description: 'When that was decided.' })),
      expires_at: nullable(
        instant({ description: 'From then on nothing of it is sent: recipients who are left are skipped.' }),
      ),
      pause_reason: nullable(
        enumOf(PAUSE_REASONS, {
          description: 'Why it is paused. `abandoned`: it was paused for 400 days, and is cancelled.',
        }),
      ),
    },
    { description: 'One bulk message to your subscribers.', examples: [MAILING_EXAMPLE] },
  ),
);

export const MailingPage = component(
  'MailingPage',
  pageOf(MailingSummary, {
    description: 'A page of your mailings, latest first.',
    examples: [{ data: [SUMMARY_EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const MailingListQuery = closed({
  ...paging,
  state: Type.Optional(enumOf(MAILING_STATES, { description: 'Only mailings in this state.' })),
});
export const MailingQuery = closed({ ...paging });
export const MailingPath = closed({ mailing: id('mlg', 'The mailing.') });
