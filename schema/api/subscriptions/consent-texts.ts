import { MOST_ASKERS } from '../../db/tables/partners.js';
import { exampleId, id, localeTag, OrganizationSummary, paging } from '../common.js';
import {
  closed,
  component,
  instant,
  int,
  list,
  matching,
  nullable,
  open,
  pageOf,
  ref,
  text,
  webUrl,
} from '../typebox.js';

const WORDS = 'River Meadows Alliance may e-mail me about this and other campaigns. I can leave at any time.';
const MAX_VERSION = 2_147_483_647;

const consentText = () => text(2000, { description: 'The exact text that people agree to.' });
const version = () =>
  int(1, MAX_VERSION, { description: 'The version of the text in its language, from 1.' });

export const ConsentTextInput = component(
  'ConsentTextInput',
  closed(
    { locale: localeTag(), text: consentText() },
    { description: 'A new consent text.', examples: [{ locale: 'en', text: WORDS }] },
  ),
);

const CONSENT_TEXT_EXAMPLE = {
  id: exampleId('txt'),
  organization_id: exampleId('org'),
  version: 2,
  locale: 'en',
  text: WORDS,
  sha256: '9f2c4b7d1e6a8053c4d2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c',
  created_at: '2026-11-01T09:00:00.000Z',
};

export const sha256 = () =>
  matching('^[0-9a-f]{64}$', 64, { description: 'SHA-256 of the text in UTF-8, in hexadecimal.' });

export const ConsentText = component(
  'ConsentText',
  open(
    {
      id: id('txt', 'This version of the text.'),
      organization_id: id('org', 'The organization that asks for permission to mail.'),
      version: version(),
      locale: localeTag(),
      text: consentText(),
      sha256: sha256(),
      created_at: instant({ description: 'When it was made.' }),
    },
    {
      description: 'The exact text that people agree to. It never changes: a new wording is a new version.',
      examples: [CONSENT_TEXT_EXAMPLE],
    },
  ),
);

export const ConsentTextPage = component(
  'ConsentTextPage',
  pageOf(ConsentText, {
    description: 'A page of your consent texts, latest first.',
    examples: [{ data: [CONSENT_TEXT_EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const ConsentTextQuery = closed({ ...paging });
export const ConsentTextPath = closed({ consent_text: id('txt', 'The consent text.') });

const SHOWN_EXAMPLE = {
  id: exampleId('txt'),
  organization: {
    id: exampleId('org'),
    slug: 'river-meadows',
    name: 'River Meadows Alliance',
    url: 'https://rivermeadows.example',
  },
  locale: 'en',
  version: 2,
  text: WORDS,
  privacy_url: 'https://rivermeadows.example/privacy',
};

export const PetitionConsentText = component(
  'PetitionConsentText',
  open(
    {
      id: id('txt', 'Send it back with the answer: see `opt_ins` of `signPetition`.'),
      organization: ref(OrganizationSummary),
      locale: localeTag(),
      version: version(),
      text: consentText(),
      privacy_url: nullable(
        webUrl({ description: 'The privacy notice of the organization: link to it beside the text.' }),
      ),
    },
    { description: 'The consent text of one organization of a petition.', examples: [SHOWN_EXAMPLE] },
  ),
);

export const PetitionConsentTexts = component(
  'PetitionConsentTexts',
  open(
    {
      data: list(ref(PetitionConsentText), MOST_ASKERS, {
        description: 'One for each organization that has a text: the lead first, then its partners.',
      }),
    },
    {
      description: 'The consent texts for the signing form of a petition.',
      examples: [{ data: [SHOWN_EXAMPLE] }],
    },
  ),
);
