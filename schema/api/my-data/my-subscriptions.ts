import { Type } from '@sinclair/typebox';
import { FREQUENCIES, SUBSCRIPTION_STATUSES } from '../../db/tables/subscriptions.js';
import { exampleId, id, localeTag, OrganizationSummary } from '../common.js';
import {
  closed,
  component,
  enumOf,
  instant,
  nullable,
  nullableRef,
  open,
  pageOf,
  ref,
  text,
} from '../typebox.js';

const TEXT_EXAMPLE = {
  id: exampleId('txt'),
  locale: 'en',
  text: 'River Meadows Alliance may e-mail me about this and other campaigns.',
};

export const ConsentTextSummary = component(
  'ConsentTextSummary',
  open(
    {
      id: id('txt', 'The text: send this id back when it was agreed to.'),
      locale: localeTag(),
      text: text(5000, { description: 'The exact words to agree to.' }),
    },
    { description: 'The text that a person agrees to by subscribing.', examples: [TEXT_EXAMPLE] },
  ),
);

export const MY_SUBSCRIPTION_EXAMPLE = {
  id: exampleId('sub'),
  organization: {
    id: exampleId('org'),
    slug: 'river-meadows',
    name: 'River Meadows Alliance',
    url: 'https://rivermeadows.example',
  },
  status: 'active',
  frequency: 'all',
  locale: 'en',
  active_since: '2026-11-23T19:06:11.002Z',
  ended_at: null,
  consent_text: TEXT_EXAMPLE,
};

const frequency = () =>
  enumOf(FREQUENCIES, { description: 'How often the supporter wants to be mailed at most.' });

export const MySubscription = component(
  'MySubscription',
  open(
    {
      id: id('sub', 'The subscription.'),
      organization: ref(OrganizationSummary),
      status: enumOf(SUBSCRIPTION_STATUSES, {
        description:
          'Only `active` is mailed. `pending`: not confirmed yet; `suppressed`: the mailbox refuses mail, or its owner has reported spam.',
      }),
      frequency: frequency(),
      locale: nullable(localeTag()),
      active_since: nullable(instant({ description: 'When it last became active.' })),
      ended_at: nullable(instant({ description: 'When it ended.' })),
      consent_text: nullableRef(ConsentTextSummary, {
        description: 'The text to agree to in order to come back; null if the organization has none.',
      }),
    },
    {
      description: 'An organization’s permission to mail the supporter, as they see it.',
      examples: [MY_SUBSCRIPTION_EXAMPLE],
    },
  ),
);

export const MySubscriptionPage = component(
  'MySubscriptionPage',
  pageOf(MySubscription, {
    description: 'A page of the supporter’s subscriptions, latest first.',
    examples: [{ data: [MY_SUBSCRIPTION_EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const MySubscriptionPatch = component(
  'MySubscriptionPatch',
  closed(
    {
      status: Type.Optional(
        enumOf(['active', 'unsubscribed'], {
          description: 'Leave the list, or come back to it with `consent_text_id`.',
        }),
      ),
      consent_text_id: Type.Optional(id('txt', 'The text that was agreed to just now.')),
      frequency: Type.Optional(frequency()),
      locale: Type.Optional(nullable(localeTag())),
    },
    {
      minProperties: 1,
      description: 'A JSON Merge Patch (RFC 7396): absent is unchanged, null is cleared.',
      examples: [{ status: 'active', consent_text_id: exampleId('txt') }],
    },
  ),
);

export const MySubscriptionPath = closed({ subscription: id('sub', 'The subscription.') });
