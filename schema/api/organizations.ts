import { Type } from '@sinclair/typebox';
import { exampleId, id, slug } from './common.js';
import { closed, component, instant, line, nullable, open, webUrl } from './typebox.js';

export const Organization = component(
  'Organization',
  open(
    {
      id: id('org', 'The organization.'),
      slug: slug('Its short name in URLs.'),
      name: line(200, { description: 'Its name.' }),
      url: nullable(webUrl({ description: 'Its home page.' })),
      created_at: instant({ description: 'When it was made.' }),
      updated_at: instant({ description: 'When it last changed.' }),
    },
    {
      description: 'The organization that a key belongs to.',
      examples: [
        {
          id: exampleId('org'),
          slug: 'river-meadows',
          name: 'River Meadows Alliance',
          url: 'https://rivermeadows.example',
          created_at: '2026-11-01T09:00:00.000Z',
          updated_at: '2026-11-01T09:00:00.000Z',
        },
      ],
    },
  ),
);

export const OrganizationPatch = component(
  'OrganizationPatch',
  closed(
    {
      name: Type.Optional(line(200, { description: 'Its name.' })),
      url: Type.Optional(nullable(webUrl({ description: 'Its home page.' }))),
    },
    {
      minProperties: 1,
      description: 'A JSON Merge Patch (RFC 7396): absent is unchanged, null is cleared.',
      examples: [{ url: 'https://meadows.example' }],
    },
  ),
);
