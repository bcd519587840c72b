import { EMAIL_CHANGE_STATUSES } from '../../db/tables/my-data.js';
import { linkToken } from '../links.js';
import { email } from '../signatures/signing.js';
import { closed, component, enumOf, open } from '../typebox.js';

export const EmailChangeInput = component(
  'EmailChangeInput',
  closed(
    { email: email() },
    { description: 'The address to use from now on.', examples: [{ email: 'ada@new.example' }] },
  ),
);

export const EmailChangeConfirmation = component(
  'EmailChangeConfirmation',
  closed(
    { token: linkToken('pe', 'The token of the link that was mailed to the new address.') },
    {
      description: 'The new mailbox says yes.',
      examples: [{ token: 'pe_q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2' }],
    },
  ),
);

export const EmailChangeUndo = component(
  'EmailChangeUndo',
  closed(
    { token: linkToken('px', 'The token of the link that was mailed to the old address.') },
    {
      description: 'The old mailbox says no.',
      examples: [{ token: 'px_q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2' }],
    },
  ),
);

export const EmailChangeResult = component(
  'EmailChangeResult',
  open(
    { status: enumOf(EMAIL_CHANGE_STATUSES, { description: 'What has become of the change.' }) },
    {
      description: 'It is done, or was done before. It says nothing about the person.',
      examples: [{ status: 'applied' }],
    },
  ),
);
