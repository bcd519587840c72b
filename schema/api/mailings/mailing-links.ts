import { FREQUENCIES } from '../../db/tables/subscriptions.js';
import { exampleId, id, localeTag } from '../common.js';
import { linkToken } from '../links.js';
import { email } from '../signatures/signing.js';
import { component, enumOf, matching, nullable, open, pageOf, webUrl } from '../typebox.js';

const LINK_EXAMPLE = {
  subscription_id: exampleId('sub'),
  email: 'ada@example.org',
  frequency: 'all',
  locale: 'en',
  recognise_token: 'pr_AQEBAAAAAE9nq1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2v3b4n5m6',
  petition_url:
    'https://rivermeadows.example/meadows?r=pr_AQEBAAAAAE9nq1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2v3b4n5m6&source=mail-1',
  list_unsubscribe:
    '<https://petitions.example/v1/unsubscribe/pu_AQIBAAAAAE9nq1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2v3b4n5m6>',
  list_unsubscribe_post: 'List-Unsubscribe=One-Click',
  unsubscribe_url:
    'https://petitions.example/unsubscribe?token=pb_AQMBAAAAAE9nq1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2v3b4n5m6',
  manage_url: 'https://petitions.example/manage',
};

export const MailingLink = component(
  'MailingLink',
  open(
    {
      subscription_id: id('sub', 'The subscription.'),
      email: email(),
      frequency: enumOf(FREQUENCIES, {
        description: 'How often the subscriber wants to be mailed at most: respect it.',
      }),
      locale: nullable(localeTag()),
      recognise_token: linkToken(
        'pr',
        'For links in the body: send it as `recognition` with a signature. It identifies the mailing, not the person, since mails are forwarded.',
      ),
      petition_url: nullable(
        webUrl({
          description: 'The page of the petition with `r` (the token) and `source`; null without a page.',
        }),
      ),
      list_unsubscribe: matching('^<https?://[^>\\s]+>$', 2100, {
        description: 'For the header `List-Unsubscribe` only: a POST to this URL ends the subscription.',
      }),
      list_unsubscribe_post: enumOf(['List-Unsubscribe=One-Click'], {
        description: 'The header `List-Unsubscribe-Post` (RFC 8058).',
      }),
      unsubscribe_url: webUrl({ description: 'For the footer: a page with an unsubscribe button.' }),
      manage_url: webUrl({
        description:
          'For the footer, as "change your email or mailing address": a page that mails a link to one’s data. It is the same for all, since mails are forwarded.',
      }),
    },
    {
      description: 'What a mail to one subscriber needs. Personal: keep it out of logs.',
      examples: [LINK_EXAMPLE],
    },
  ),
);

export const MailingLinkPage = component(
  'MailingLinkPage',
  pageOf(MailingLink, {
    description:
      'A page of active subscribers, in the order in which they subscribed. It may hold fewer than `limit`: continue while `has_more` is true.',
    examples: [{ data: [LINK_EXAMPLE], next_cursor: null, has_more: false }],
  }),
);
