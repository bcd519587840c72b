import { Type, type Static } from '@sinclair/typebox';
import { REQUEST_KINDS } from '../../db/tables/mail.js';
import { exampleId, id } from '../common.js';
import { linkToken } from '../links.js';
import { closed, component, enumOf, nullable, open, typed } from '../typebox.js';

const email = () =>
  Type.String({
    format: 'email',
    minLength: 3,
    maxLength: 254,
    description: 'The address that the mail went to.',
    examples: ['ada@example.org'],
  });

const token = () => linkToken('pc', 'The token of the link that was mailed.');

export const ConfirmationInput = component(
  'ConfirmationInput',
  closed(
    {
      token: Type.Optional(token()),
      email: Type.Optional(email()),
      code: Type.Optional(
        typed('code', 40, {
          description:
            'The six digits in the mail, for people who do not follow links. Spaces, hyphens and full stops that were pasted with them are ignored.',
          examples: ['041327'],
        }),
      ),
      petition_id: Type.Optional(
        id('pet', 'The petition that was signed: with a code, for petitions made with a test key.'),
      ),
    },
    {
      description:
        'Either `token`, or `email` and `code`. A code from a test petition needs its `petition_id`.',
      examples: [{ token: 'pc_q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2' }],
    },
  ),
);
export type ConfirmationInput = Static<typeof ConfirmationInput>;

export const ConfirmationRefusal = component(
  'ConfirmationRefusal',
  closed(
    { token: token() },
    {
      description: 'The token of a mail that another person caused.',
      examples: [{ token: 'pc_q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2' }],
    },
  ),
);

export const ConfirmationResult = component(
  'ConfirmationResult',
  open(
    {
      kind: enumOf(REQUEST_KINDS, { description: 'What the mail was about.' }),
      petition_id: nullable(id('pet', 'The petition that it was about; null without one.')),
    },
    {
      description: 'Done now, or already done before. It reveals nothing about the person.',
      examples: [{ kind: 'signature', petition_id: exampleId('pet') }],
    },
  ),
);

export const ConfirmationResend = component(
  'ConfirmationResend',
  closed(
    {
      email: email(),
      petition_id: Type.Optional(id('pet', 'The petition that was signed.')),
      organization_id: Type.Optional(id('org', 'The organization whose mails were subscribed to.')),
    },
    {
      description: 'The address, and either `petition_id` or `organization_id`.',
      examples: [{ email: 'ada@example.org', petition_id: exampleId('pet') }],
    },
  ),
);

export const MailRequestAccepted = component(
  'MailRequestAccepted',
  open(
    {
      accepted: Type.Boolean({
        description:
          'Always true. A mail is sent if there is anything to mail to this address, and caps allow it.',
      }),
    },
    {
      description: 'The same for every address, whether it is known or not.',
      examples: [{ accepted: true }],
    },
  ),
);
