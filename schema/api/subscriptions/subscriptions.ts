import { Type } from '@sinclair/typebox';
import {
  CONSENT_ACTIONS,
  CONSENT_ORIGINS,
  FREQUENCIES,
  SUBSCRIPTION_STATUSES,
} from '../../db/tables/subscriptions.js';
import { exampleId, id, localeTag, paging } from '../common.js';
import { email, source } from '../signatures/signing.js';
import { Contact, CONTACT_EXAMPLE } from '../supporters/contacts.js';
import {
  closed,
  component,
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
import { sha256 } from './consent-texts.js';

export const EVIDENCE_EXAMPLE = {
  source: 'Street stall, Ewehaven',
  collected_at: '2026-11-21T14:00:00.000Z',
  note: 'Paper forms, box 12',
};

export const ConsentEvidence = component(
  'ConsentEvidence',
  closed(
    {
      source: line(200, { description: 'Where and how the consent was given.' }),
      collected_at: optional(
        nullable(
          instant({
            description:
              'When it was given. Required for people who have left a list: only a later consent brings them back.',
          }),
        ),
      ),
      note: optional(nullable(text(1000, { description: 'Further evidence.' }))),
    },
    {
      description: 'Your evidence of a consent that was given elsewhere. It is kept with the consent.',
      examples: [EVIDENCE_EXAMPLE],
    },
  ),
);

/** Deliberately not unique: in another database, two people may share a mailbox. */
export const externalId = () =>
  line(200, {
    description: 'Your own id for this subscriber; it need not be unique.',
    examples: ['crm-20431'],
  });

export const consentTextId = () => id('txt', 'The text that was agreed to.');

export const SubscriptionInput = component(
  'SubscriptionInput',
  closed(
    {
      email: email(),
      consent_text_id: consentTextId(),
      locale: optional(nullable(localeTag())),
      source: optional(nullable(source())),
      evidence: optional(
        nullableRef(ConsentEvidence, {
          description: 'Only for secret keys: the consent was given elsewhere, and counts at once.',
        }),
      ),
      external_id: optional(nullable(externalId())),
    },
    {
      description: 'A person’s agreement to be mailed by the organization of a consent text.',
      examples: [{ email: 'ada@example.org', consent_text_id: exampleId('txt'), source: 'footer-form' }],
    },
  ),
);

export const SubscriptionAccepted = component(
  'SubscriptionAccepted',
  open(
    {
      organization_id: id('org', 'The organization that may mail the person then.'),
      next: enumOf(['confirm_email', 'done'], {
        description: 'What the subscriber has to do next: open the mail that was sent, or nothing.',
      }),
    },
    {
      description: 'The answer to callers without a secret key: the same for every address.',
      examples: [{ organization_id: exampleId('org'), next: 'confirm_email' }],
    },
  ),
);

const SUBSCRIPTION_EXAMPLE = {
  id: exampleId('sub'),
  supporter_id: exampleId('sup'),
  email: 'ada@example.org',
  status: 'active',
  frequency: 'all',
  locale: 'en',
  source: 'footer-form',
  external_id: null,
  contact: CONTACT_EXAMPLE,
  created_at: '2026-11-23T19:04:05.678Z',
  active_since: '2026-11-23T19:06:11.002Z',
  ended_at: null,
};

const members = {
  id: id('sub', 'The subscription.'),
  supporter_id: id(
    'sup',
    'The supporter: the same id wherever you see this mailbox, but a different one for each organization.',
  ),
  email: email(),
  status: enumOf(SUBSCRIPTION_STATUSES, {
    description:
      'Mail only `active` ones. `pending`: not confirmed yet; `suppressed`: the mailbox refuses mail, or its owner has reported spam.',
  }),
  frequency: enumOf(FREQUENCIES, { description: 'How often the supporter wants to be mailed at most.' }),
  locale: nullable(localeTag()),
  source: nullable(source()),
  external_id: nullable(externalId()),
  contact: nullableRef(Contact, { description: 'The contact data that you have provided; null: none.' }),
  created_at: instant({ description: 'When it was first asked for.' }),
  active_since: nullable(instant({ description: 'When it last became active.' })),
  ended_at: nullable(instant({ description: 'When it ended.' })),
};

export const Subscription = component(
  'Subscription',
  open(members, {
    description: 'Your permission to mail a supporter.',
    examples: [SUBSCRIPTION_EXAMPLE],
  }),
);

export const SubscriptionResult = component(
  'SubscriptionResult',
  open(
    {
      ...members,
      created: Type.Boolean({ description: 'False if this supporter already had a subscription.' }),
    },
    {
      description: 'The answer to a secret key: what actually happened.',
      examples: [{ ...SUBSCRIPTION_EXAMPLE, created: true }],
    },
  ),
);

const REFERENCE_EXAMPLE = {
  id: exampleId('txt'),
  version: 2,
  locale: 'en',
  sha256: '9f2c4b7d1e6a8053c4d2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c',
};

export const ConsentTextReference = component(
  'ConsentTextReference',
  open(
    {
      id: id('txt', 'The text: see `getConsentText`.'),
      version: int(1, 2_147_483_647, { description: 'Its version.' }),
      locale: localeTag(),
      sha256: sha256(),
    },
    { description: 'The text that a consent was given to.', examples: [REFERENCE_EXAMPLE] },
  ),
);

const CONSENT_EXAMPLE = {
  id: exampleId('con'),
  action: 'granted',
  origin: 'form',
  consent_text: REFERENCE_EXAMPLE,
  petition_id: null,
  source: 'footer-form',
  evidence: null,
  created_at: '2026-11-23T19:06:11.002Z',
  proof: 'uL3pX0v9dXy2bQk7ZrT4nWm1sJ8hF6gC5eA0iYtRoPE',
  proof_valid: true,
};

export const Consent = component(
  'Consent',
  open(
    {
      id: id('con', 'The record.'),
      action: enumOf(CONSENT_ACTIONS, {
        description:
          'What happened. `requested`: asked for, but not confirmed yet; `granted`: agreed; `declined`: refused when asked; `withdrawn`: ended; `suppressed`: the mailbox refused mail, or its owner reported spam.',
      }),
      origin: enumOf(CONSENT_ORIGINS, { description: 'Where it came from.' }),
      consent_text: nullableRef(ConsentTextReference, {
        description: 'The text that was shown; null: none.',
      }),
      petition_id: nullable(id('pet', 'The petition that was signed with it.')),
      source: nullable(
        text(500, {
          description: 'The label of the channel; if an organiser ended the subscription, the reason.',
        }),
      ),
      evidence: nullableRef(ConsentEvidence, {
        description: 'Evidence of a consent that was given elsewhere.',
      }),
      created_at: instant({ description: 'When it was recorded.' }),
      proof: matching('^[A-Za-z0-9_-]{43}$', 43, {
        description: 'A keyed hash over the record and the address for which it was given.',
      }),
      proof_valid: Type.Boolean({ description: 'False if the record was altered after it was written.' }),
    },
    {
      description: 'A record of a change of your permission. Records are never changed.',
      examples: [CONSENT_EXAMPLE],
    },
  ),
);

export const SubscriptionDetails = component(
  'SubscriptionDetails',
  open(
    {
      ...members,
      consents: list(ref(Consent), 100, { description: 'Records of consent and its end, latest first.' }),
    },
    {
      description: 'A subscription with its records of consent.',
      examples: [{ ...SUBSCRIPTION_EXAMPLE, consents: [CONSENT_EXAMPLE] }],
    },
  ),
);

export const SubscriptionPage = component(
  'SubscriptionPage',
  pageOf(Subscription, {
    description: 'A page of subscriptions.',
    examples: [{ data: [SUBSCRIPTION_EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const SubscriptionQuery = closed({
  ...paging,
  status: optional(
    list(enumOf(SUBSCRIPTION_STATUSES), 4, { description: 'Any of these; repeat it for several.' }),
  ),
  email: optional(email()),
  external_id: optional(externalId()),
  source: optional(source()),
  created_from: optional(instant({ description: 'First asked for at or after.' })),
  created_before: optional(instant({ description: 'First asked for before.' })),
  sort: optional(
    enumOf(['-created_at', 'created_at'], { description: 'Latest first (`-created_at`) if absent.' }),
  ),
});

export const SubscriptionPath = closed({ subscription: id('sub', 'The subscription.') });

export const SubscriptionEnding = component(
  'SubscriptionEnding',
  closed(
    { reason: text(500, { description: 'Why. Kept with the consent.' }) },
    {
      description: 'Why you end a subscription.',
      examples: [{ reason: 'Asked on the phone to be taken off the list' }],
    },
  ),
);
