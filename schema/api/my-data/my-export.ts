import { Type } from '@sinclair/typebox';
import { REQUEST_KINDS } from '../../db/tables/mail.js';
import { MAIL_KINDS, MAIL_STATES } from '../../db/tables/mail.js';
import { EMAIL_CHANGE_STATUSES } from '../../db/tables/my-data.js';
import { CONSENT_ACTIONS, CONSENT_ORIGINS } from '../../db/tables/subscriptions.js';
import { countryCode, exampleId, id, localeTag } from '../common.js';
import { EXPORTED_SHARE_LINK_EXAMPLE, ExportedShareLink } from '../sharing/share-links.js';
import { Answers } from '../signatures/answers.js';
import {
  comment,
  email,
  phone,
  phoneE164,
  PostalAddress,
  postalCode,
  source,
  Utm,
} from '../signatures/signing.js';
import { name, NAME_EXAMPLE, partsOfName } from '../supporters/names.js';
import { CONTACT_EXAMPLE, contactFields } from '../supporters/contacts.js';
import {
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
  ref,
  text,
} from '../typebox.js';
import { Me, ME_EXAMPLE } from './me.js';
import { ExportedMailing, MAILING_EXAMPLE } from './my-mailings.js';
import { MY_SIGNATURE_EXAMPLE, mySignatureFields } from './my-signatures.js';
import { MY_SUBSCRIPTION_EXAMPLE, MySubscription } from './my-subscriptions.js';

/* The export of "my data": everything that is kept about one supporter, as one document. */

const MOST = 10_100;

/** The answers of a signer in the form, besides name and address. */
const formAnswers = {
  country: nullable(countryCode()),
  postal_code: nullable(postalCode()),
  postal_address: nullableRef(PostalAddress),
  phone: nullable(phone()),
  phone_e164: phoneE164(),
  comment: nullable(comment()),
  answers: nullableRef(Answers),
};
const FORM_ANSWERS_EXAMPLE = {
  country: 'NL',
  postal_code: null,
  postal_address: null,
  phone: null,
  phone_e164: null,
  comment: null,
  answers: null,
};

const SIGNATURE_EXAMPLE = {
  ...MY_SIGNATURE_EXAMPLE,
  statement: 'Build the depot elsewhere and leave the meadows to the river.',
  ...FORM_ANSWERS_EXAMPLE,
  source: 'mail-top-button',
  utm: null,
  external_id: null,
};

export const ExportedSignature = component(
  'ExportedSignature',
  open(
    {
      ...mySignatureFields,
      statement: text(20_000, { description: 'What was signed.' }),
      ...formAnswers,
      source: nullable(source()),
      utm: nullableRef(Utm),
      external_id: nullable(line(200, { description: 'The id that its collector gave it.' })),
    },
    { description: 'A signature, with everything that is kept about it.', examples: [SIGNATURE_EXAMPLE] },
  ),
);

const EVIDENCE_EXAMPLE = { source: 'Paper list at the meadow fair', collected_at: null, note: null };

export const ExportedEvidence = component(
  'ExportedEvidence',
  open(
    {
      source: line(500, { description: 'Where the consent was given.' }),
      collected_at: Type.Optional(nullable(instant({ description: 'When it was given.' }))),
      note: Type.Optional(nullable(text(2000, { description: 'What else is known about it.' }))),
    },
    {
      description: 'An organization’s evidence of a consent that was given elsewhere.',
      examples: [EVIDENCE_EXAMPLE],
    },
  ),
);

const CONSENT_EXAMPLE = {
  id: exampleId('con'),
  organization_id: exampleId('org'),
  petition_id: exampleId('pet'),
  action: 'granted',
  origin: 'signature',
  text: 'River Meadows Alliance may e-mail me about this and other campaigns.',
  source: 'mail-top-button',
  evidence: null,
  created_at: '2026-11-23T19:06:11.002Z',
  proof: 'q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c',
};

export const ExportedConsent = component(
  'ExportedConsent',
  open(
    {
      id: id('con', 'The record.'),
      organization_id: id('org', 'The organization whose mails it is about.'),
      petition_id: nullable(id('pet', 'The petition whose form asked for it.')),
      action: enumOf(CONSENT_ACTIONS, { description: 'What happened.' }),
      origin: enumOf(CONSENT_ORIGINS, { description: 'Where it came from.' }),
      text: nullable(text(5000, { description: 'The exact words that were shown.' })),
      source: nullable(source()),
      evidence: nullableRef(ExportedEvidence),
      created_at: instant({ description: 'When it was recorded.' }),
      proof: matching('^[A-Za-z0-9_-]{43}$', 43, {
        description: 'A keyed hash over the record: shows that it has not been altered since.',
      }),
    },
    { description: 'A record of what was agreed to, refused or ended.', examples: [CONSENT_EXAMPLE] },
  ),
);

const DETAILS_EXAMPLE = {
  ...NAME_EXAMPLE,
  ...FORM_ANSWERS_EXAMPLE,
};

export const ExportedRequestDetails = component(
  'ExportedRequestDetails',
  open(
    { name: name(), ...partsOfName, ...formAnswers },
    { description: 'What was filled in with the request.', examples: [DETAILS_EXAMPLE] },
  ),
);

const REQUEST_EXAMPLE = {
  kind: 'signature',
  petition_id: exampleId('pet'),
  locale: 'en',
  origin: 'signature',
  source: 'mail-top-button',
  said: null,
  reminders: 0,
  created_at: '2026-11-23T19:04:05.678Z',
  confirmed_at: '2026-11-23T19:06:11.002Z',
  refused_at: null,
};

export const ExportedRequest = component(
  'ExportedRequest',
  open(
    {
      kind: enumOf(REQUEST_KINDS, { description: 'What was to be confirmed.' }),
      petition_id: nullable(id('pet', 'The petition.')),
      locale: localeTag(),
      origin: enumOf(CONSENT_ORIGINS, { description: 'Where it came from.' }),
      source: nullable(source()),
      said: nullableRef(ExportedRequestDetails),
      reminders: int(0, 100, { description: 'How often the mailbox was reminded.' }),
      created_at: instant({ description: 'When it was requested.' }),
      confirmed_at: nullable(instant({ description: 'When the mailbox confirmed it.' })),
      refused_at: nullable(instant({ description: 'When the mailbox refused it.' })),
    },
    {
      description: 'A request under this address that the mailbox has to confirm.',
      examples: [REQUEST_EXAMPLE],
    },
  ),
);

const MAIL_EXAMPLE = {
  kind: 'signed',
  state: 'sent',
  created_at: '2026-11-23T19:04:05.678Z',
  settled_at: '2026-11-23T19:04:06.101Z',
};

export const ExportedMail = component(
  'ExportedMail',
  open(
    {
      kind: enumOf(MAIL_KINDS, { description: 'What the mail was about.' }),
      state: enumOf(MAIL_STATES, { description: 'The state of the mail.' }),
      created_at: instant({ description: 'When it was written.' }),
      settled_at: nullable(instant({ description: 'When it was sent, dropped or given up.' })),
    },
    { description: 'A mail to this address in the last 30 days.', examples: [MAIL_EXAMPLE] },
  ),
);

const CHANGE_EXAMPLE = {
  status: 'applied',
  old_email: 'ada@old.example',
  new_email: 'ada@example.org',
  created_at: '2026-11-23T19:04:05.678Z',
  applied_at: '2026-11-23T19:06:11.002Z',
  undone_at: null,
};

export const ExportedEmailChange = component(
  'ExportedEmailChange',
  open(
    {
      status: enumOf(EMAIL_CHANGE_STATUSES, { description: 'The status of the change.' }),
      old_email: email(),
      new_email: email(),
      created_at: instant({ description: 'When it was requested.' }),
      applied_at: nullable(instant({ description: 'When the new mailbox confirmed it.' })),
      undone_at: nullable(instant({ description: 'When it was undone, or replaced by another.' })),
    },
    { description: 'A change of address.', examples: [CHANGE_EXAMPLE] },
  ),
);

const ORGANIZATIONS_CONTACT_EXAMPLE = { organization_id: exampleId('org'), ...CONTACT_EXAMPLE };

export const ExportedContact = component(
  'ExportedContact',
  open(
    { organization_id: id('org', 'The organization that keeps it.'), ...contactFields },
    {
      description: 'The contact data that an organization keeps about me.',
      examples: [ORGANIZATIONS_CONTACT_EXAMPLE],
    },
  ),
);

const all = <T extends Parameters<typeof ref>[0]>(item: T, description: string) =>
  list(ref(item), MOST, { description });

export const MyExport = component(
  'MyExport',
  open(
    {
      profile: ref(Me),
      signatures: all(ExportedSignature, 'What was signed, latest first.'),
      share_links: all(ExportedShareLink, 'The share links made with my signatures, in order.'),
      subscriptions: all(MySubscription, 'Subscriptions in every status, latest first.'),
      consents: all(ExportedConsent, 'Every consent, refusal and end, in order.'),
      confirmation_requests: all(ExportedRequest, 'Requests that the mailbox had to confirm, in order.'),
      mails: all(ExportedMail, 'What was mailed, in order.'),
      mailings: all(ExportedMailing, 'The mailings that I was among, in order.'),
      email_changes: all(ExportedEmailChange, 'Changes of address, in order.'),
      contacts: all(ExportedContact, 'The contact data that organizations keep about me.'),
    },
    {
      description: 'Everything that is kept about a supporter.',
      examples: [
        {
          profile: ME_EXAMPLE,
          signatures: [SIGNATURE_EXAMPLE],
          share_links: [EXPORTED_SHARE_LINK_EXAMPLE],
          subscriptions: [MY_SUBSCRIPTION_EXAMPLE],
          consents: [CONSENT_EXAMPLE],
          confirmation_requests: [REQUEST_EXAMPLE],
          mails: [MAIL_EXAMPLE],
          mailings: [MAILING_EXAMPLE],
          email_changes: [CHANGE_EXAMPLE],
          contacts: [ORGANIZATIONS_CONTACT_EXAMPLE],
        },
      ],
    },
  ),
);
