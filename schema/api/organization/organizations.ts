import { Type } from '@sinclair/typebox';
import { exampleId, id, localeTag, slug } from '../common.js';
import { CreatedApiKey } from './api-keys.js';
import { closed, component, instant, line, nullable, open, ref, text, webUrl } from '../typebox.js';

const imprint = () =>
  nullable(text(1000, { description: 'Who is responsible: in the footer of every mail.' }));
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
const doubleOptIn = () =>
  Type.Boolean({
    description:
      'Whether a subscription becomes active only when the mailbox has confirmed it. Without it, people can put the addresses of others on the list.',
  });

const EXAMPLE = {
  id: exampleId('org'),
  slug: 'river-meadows',
  name: 'River Meadows Alliance',
  url: 'https://rivermeadows.example',
  locale: 'en',
  imprint: 'River Meadows Alliance, Millgate 4, Ewehaven',
  reply_to: 'hello@rivermeadows.example',
  double_opt_in: true,
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
      reply_to: replyTo(),
      double_opt_in: doubleOptIn(),
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
      reply_to: Type.Optional(replyTo()),
      double_opt_in: Type.Optional(doubleOptIn()),
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
          api_key: CreatedApiKey.examples?.[0] as object,
        },
      ],
    },
  ),
);
