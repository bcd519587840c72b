import { Type } from '@sinclair/typebox';
import { exampleId, id, localeTag, slug } from '../common.js';
import { CreatedApiKey } from './api-keys.js';
import { closed, component, instant, line, matching, nullable, open, ref, text, webUrl } from '../typebox.js';

const imprint = () =>
  nullable(
    text(1000, { description: 'Who is responsible: in the footer of every mail, and below every form.' }),
  );
const looks = {
  logo_url: () =>
    nullable(webUrl({ description: 'Its logo, which forms show beside its name. At least 96 pixels high.' })),
  color: () =>
    nullable(
      matching('^#[0-9A-Fa-f]{6}$', 7, {
        rule: 'Write the colour as # and six hexadecimal digits, like #0b6b50.',
        description:
          'Its colour, of buttons and links. White text on it must have a contrast of at least 4.5 : 1 (WCAG AA).',
        examples: ['#0b6b50'],
      }),
    ),
  privacy_url: () =>
    nullable(webUrl({ description: 'Its privacy notice (GDPR, article 13), which forms link to.' })),
};
const replyTo = () =>
  nullable(
    Type.String({
      format: 'email',
      minLength: 3,
      maxLength: 254,
      description: 'The address for replies to its mails.',
      examples: ['hello@rivermeadows.example'],
    }),
  );
const testEmail = () =>
  nullable(
    Type.String({
      format: 'email',
      minLength: 3,
      maxLength: 254,
      description:
        'The mailbox that gets all mails of tests, at most 200 a day. Test keys cannot be made without it.',
      examples: ['tests@rivermeadows.example'],
    }),
  );
const doubleOptIn = () =>
  Type.Boolean({
    description:
      'Whether a subscription becomes active only when the mailbox has confirmed it. Without it, people can put the addresses of others on the list.',
  });

const LEAD_EXAMPLE = {
  id: exampleId('org'),
  slug: 'river-meadows',
  name: 'River Meadows Alliance',
  url: 'https://rivermeadows.example',
  imprint: 'River Meadows Alliance, Millgate 4, Ewehaven',
  logo_url: 'https://rivermeadows.example/logo.png',
  color: '#0b6b50',
  color_dark: '#4c9682',
  privacy_url: 'https://rivermeadows.example/privacy',
};

export const LeadOrganization = component(
  'LeadOrganization',
  open(
    {
      id: id('org', 'The organization.'),
      slug: slug('Its short name in URLs.'),
      name: line(200, { description: 'Its name.' }),
      url: nullable(webUrl({ description: 'Its home page.' })),
      imprint: imprint(),
      logo_url: looks.logo_url(),
      color: looks.color(),
      color_dark: nullable(
        matching('^#[0-9a-f]{6}$', 7, {
          description: 'A lighter shade of `color` that can be read on dark pages.',
          examples: ['#4c9682'],
        }),
      ),
      privacy_url: looks.privacy_url(),
    },
    { description: 'The organization that leads a petition.', examples: [LEAD_EXAMPLE] },
  ),
);

const EXAMPLE = {
  id: exampleId('org'),
  slug: 'river-meadows',
  name: 'River Meadows Alliance',
  url: 'https://rivermeadows.example',
  locale: 'en',
  imprint: 'River Meadows Alliance, Millgate 4, Ewehaven',
  logo_url: 'https://rivermeadows.example/logo.png',
  color: '#0b6b50',
  privacy_url: 'https://rivermeadows.example/privacy',
  reply_to: 'hello@rivermeadows.example',
  double_opt_in: true,
  test_email: 'tests@rivermeadows.example',
  test: false,
  created_at: '2026-11-01T09:00:00.000Z',
  updated_at: '2026-11-01T09:00:00.000Z',
};

export const Organization = component(
  'Organization',
  open(
    {
      id: id('org', 'The organization.'),
      slug: slug('Its short name in URLs.'),
      name: line(200, { description: 'Its name.' }),
      url: nullable(webUrl({ description: 'Its home page.' })),
      locale: localeTag(),
      imprint: imprint(),
      logo_url: looks.logo_url(),
      color: looks.color(),
      privacy_url: looks.privacy_url(),
      reply_to: replyTo(),
      double_opt_in: doubleOptIn(),
      test_email: testEmail(),
      test: Type.Boolean({
        description: 'Whether this is the test organization, which test keys belong to.',
      }),
      created_at: instant({ description: 'When it was made.' }),
      updated_at: instant({ description: 'When it last changed.' }),
    },
    {
      description: 'The organization that a key belongs to.',
      examples: [EXAMPLE],
    },
  ),
);

export const OrganizationPatch = component(
  'OrganizationPatch',
  closed(
    {
      name: Type.Optional(line(200, { description: 'Its name.' })),
      url: Type.Optional(nullable(webUrl({ description: 'Its home page.' }))),
      locale: Type.Optional(localeTag()),
      imprint: Type.Optional(imprint()),
      logo_url: Type.Optional(looks.logo_url()),
      color: Type.Optional(looks.color()),
      privacy_url: Type.Optional(looks.privacy_url()),
      reply_to: Type.Optional(replyTo()),
      double_opt_in: Type.Optional(doubleOptIn()),
      test_email: Type.Optional(testEmail()),
    },
    {
      minProperties: 1,
      description: 'A JSON Merge Patch (RFC 7396): absent is unchanged, null is cleared.',
      examples: [{ url: 'https://meadows.example' }],
    },
  ),
);

export const OrganizationInput = component(
  'OrganizationInput',
  closed(
    {
      name: line(200, { description: 'Its name.' }),
      slug: Type.Optional(slug('Its short name in URLs; made from the name if absent.')),
      url: Type.Optional(nullable(webUrl({ description: 'Its home page.' }))),
      locale: Type.Optional(localeTag()),
      imprint: Type.Optional(imprint()),
      reply_to: Type.Optional(replyTo()),
      double_opt_in: Type.Optional(doubleOptIn()),
      test_email: Type.Optional(testEmail()),
      key_name: Type.Optional(
        line(100, { description: 'Your name for its first key; “First key” if absent.' }),
      ),
    },
    {
      description: 'A new organization.',
      examples: [{ name: 'Ewe Valley Alliance', slug: 'ewe-valley', url: 'https://ewevalley.example' }],
    },
  ),
);

export const CreatedOrganization = component(
  'CreatedOrganization',
  open(
    { organization: ref(Organization), api_key: ref(CreatedApiKey) },
    {
      description: 'A new organization with its first secret key, which has all scopes.',
      examples: [
        {
          organization: EXAMPLE,
          api_key: (CreatedApiKey.examples as object[])[0],
        },
      ],
    },
  ),
);
