import { Type } from '@sinclair/typebox';
import { LISTED_STATES } from '../../db/tables/sending.js';
import { exampleId, id, paging } from '../common.js';
import { Mailing } from '../mailings/mailings.js';
import { email } from '../signatures/signing.js';
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
} from '../typebox.js';

const RECIPIENT_EXAMPLE = {
  subscription_id: exampleId('sub'),
  email: 'ada@example.org',
  variant_id: exampleId('mvr'),
  state: 'uncertain',
  reason: 'process_ended',
  attempts: 1,
  settled_at: '2026-12-01T08:03:12.000Z',
  retry_at: null,
};

export const MailingRecipient = component(
  'MailingRecipient',
  open(
    {
      subscription_id: nullable(id('sub', 'The subscription; null: the person was erased.')),
      email: nullable(email()),
      variant_id: nullable(id('mvr', 'The variant; null: it was not chosen yet.')),
      state: enumOf(LISTED_STATES, {
        description:
          '`uncertain`: under way when its process ended, or when the connection broke at the very end: it may have arrived. `failed`: refused for good. `skipped`: must not be mailed, or the mailing ended before. `deferred`: refused for now, and tried again.',
      }),
      reason: nullable(
        matching('^[a-z0-9_]+$', 60, { description: 'Why, as a code.', examples: ['cancelled'] }),
      ),
      attempts: int(0, 1000, { description: 'How often it was tried.' }),
      settled_at: nullable(instant({ description: 'When that was clear.' })),
      retry_at: nullable(instant({ description: '`deferred`: when it is tried again.' })),
    },
    {
      description:
        'A recipient of a mailing who did not get it, or perhaps not. `email` is null for keys without the scope `subscriptions:read`, and for people who were erased.',
      examples: [RECIPIENT_EXAMPLE],
    },
  ),
);

export const MailingRecipientPage = component(
  'MailingRecipientPage',
  pageOf(MailingRecipient, {
    description: 'A page of recipients.',
    examples: [{ data: [RECIPIENT_EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const MailingRecipientQuery = closed({
  ...paging,
  state: optional(
    list(enumOf(LISTED_STATES), 4, {
      description: 'Any of these; repeat it for several. `uncertain` and `failed` if absent.',
    }),
  ),
});

const MOST_NAMED = 1000;

export const ResendInput = component(
  'ResendInput',
  closed(
    {
      all: optional(Type.Literal(true, { description: 'All that are uncertain.' })),
      subscriptions: optional(
        Type.Array(id('sub', 'A subscription.'), {
          minItems: 1,
          maxItems: MOST_NAMED,
          description: 'These alone; those that are not uncertain stay as they are.',
        }),
      ),
    },
    {
      description: 'Who gets a mail again that may have arrived: `all`, or `subscriptions`.',
      examples: [{ subscriptions: [exampleId('sub')] }, { all: true }],
    },
  ),
);

export const ResendResult = component(
  'ResendResult',
  open(
    {
      resent: int(0, 2_147_483_647, { description: 'How many wait to be sent again.' }),
      mailing: ref(Mailing),
    },
    {
      description: 'What is sent again.',
      examples: [{ resent: 3, mailing: (Mailing.examples as object[])[0] }],
    },
  ),
);
