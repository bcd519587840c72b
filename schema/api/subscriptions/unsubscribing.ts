import { Type } from '@sinclair/typebox';
import { exampleId, id, localeTag } from '../common.js';
import { linkToken } from '../links.js';
import { closed, component } from '../typebox.js';

export const UnsubscribePath = closed({
  link: linkToken('pu', 'The token of the List-Unsubscribe header (`pu_…`) or of the footer (`pb_…`).'),
});

export const UnsubscribeInput = component(
  'UnsubscribeInput',
  closed(
    {
      email: Type.String({
        format: 'email',
        minLength: 3,
        maxLength: 254,
        description: 'The address that gets mails.',
        examples: ['ada@example.org'],
      }),
      organization_id: Type.Optional(
        id('org', 'The organization whose mails to end; all organizations if absent.'),
      ),
      locale: Type.Optional(localeTag()),
    },
    {
      description: 'The address that should get no more mails.',
      examples: [{ email: 'ada@example.org', organization_id: exampleId('org') }],
    },
  ),
);
