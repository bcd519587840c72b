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
              'When it was given. Needed for somebody who has left since: only a later consent brings them back.',
          }),
        ),
      ),
      note: optional(nullable(text(1000, { description: 'What else shows it.' }))),
    },
    {
      description: 'How you know of a consent that was given elsewhere. It is kept with the consent.',
      examples: [EVIDENCE_EXAMPLE],
    },
  ),
);

/** No index holds it to be unique: a mailbox may be two people of a database elsewhere. */
export const externalId = () =>
  line(200, {
    description: 'Your own id for this subscriber; it need not be unique.',
    examples: ['crm-20431'],
  });

export const consentTextId = () => id('txt', 'The words that were agreed to.');

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
          description: 'Secret keys only: the consent is proven elsewhere, and counts at once.',
        }),
      ),
      external_id: optional(nullable(externalId())),
    },
    {
      description: 'Somebody agrees to be mailed by the organization of a consent text.',
      examples: [{ email: 'ada@example.org', consent_text_id: exampleId('txt'), source: 'footer-form' }],
    },
  ),
);

export const SubscriptionAccepted = component(
  'SubscriptionAccepted',
  open(
    {
      organization_id: id('org', 'Who may mail them then.'),
      next: enumOf(['confirm_email', 'done'], {
        description: 'What the subscriber does now: open the mail that we send, or nothing.',
      }),
    },
    {
      description: 'The answer to everybody without a secret key: the same for every address.',
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
    'The supporter: the same for everything that you see of this mailbox, and another for every other organization.',
  ),
  email: email(),
  status: enumOf(SUBSCRIPTION_STATUSES, {
    description:
      'Mail only `active` ones. `pending`: not confirmed yet; `suppressed`: the mailbox refuses mail, or has complained.',
  }),
  frequency: enumOf(FREQUENCIES, { description: 'How often they want to be mailed at most.' }),
  locale: nullable(localeTag()),
  source: nullable(source()),
  external_id: nullable(externalId()),
  contact: nullableRef(Contact, { description: 'What you have said of them; null: nothing.' }),
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
      created: Type.Boolean({ description: 'False: there was a subscription of this supporter before.' }),
    },
    {
      description: 'The answer to a secret key: what really happened.',
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
      id: id('txt', 'The words: see `getConsentText`.'),
      version: int(1, 2_147_483_647, { description: 'Its version.' }),
      locale: localeTag(),
      sha256: sha256(),
    },
    { description: 'Which words a consent was given to.', examples: [REFERENCE_EXAMPLE] },
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
          'What happened: asked for (`requested`, not proven yet), agreed (`granted`), said no when asked (`declined`), ended (`withdrawn`), or the mailbox refused mail or complained (`suppressed`).',
      }),
      origin: enumOf(CONSENT_ORIGINS, { description: 'How it came about.' }),
      consent_text: nullableRef(ConsentTextReference, {
        description: 'The words that were shown; null: none were.',
      }),
      petition_id: nullable(id('pet', 'The petition that was signed with it.')),
      source: nullable(
        text(500, { description: 'The label of the channel; of what an organiser ended, the reason.' }),
      ),
      evidence: nullableRef(ConsentEvidence, { description: 'How a consent given elsewhere is known.' }),
      created_at: instant({ description: 'When it was recorded.' }),
      proof: matching('^[A-Za-z0-9_-]{43}$', 43, {
        description: 'A keyed hash over the record and the address that it was given under.',
      }),
      proof_valid: Type.Boolean({ description: 'False: the record is not as it was written.' }),
    },
    {
      description: 'One thing that happened to your permission. Never changed.',
      examples: [CONSENT_EXAMPLE],
    },
  ),
);

export const SubscriptionDetails = component(
  'SubscriptionDetails',
  open(
    {
      ...members,
      consents: list(ref(Consent), 100, { description: 'What was agreed and ended, latest first.' }),
    },
    {
      description: 'A subscription with the consents that it rests on.',
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
