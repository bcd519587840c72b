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
      description: 'Confirmation of the change from the new mailbox.',
      examples: [{ token: 'pe_q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2' }],
    },
  ),
);

export const EmailChangeUndo = component(
  'EmailChangeUndo',
  closed(
    { token: linkToken('px', 'The token of the link that was mailed to the old address.') },
    {
      description: 'Undoing of the change from the old mailbox.',
      examples: [{ token: 'px_q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2' }],
    },
  ),
);

export const EmailChangeResult = component(
  'EmailChangeResult',
  open(
    { status: enumOf(EMAIL_CHANGE_STATUSES, { description: 'The status of the change.' }) },
    {
      description: 'Done now, or already done before. It reveals nothing about the person.',
      examples: [{ status: 'applied' }],
    },
  ),
);
