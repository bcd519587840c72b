import { Type } from '@sinclair/typebox';
import { localeTag } from '../common.js';
import { linkToken } from '../links.js';
import { email } from '../signatures/signing.js';
import { closed, component, instant, matching, open } from '../typebox.js';

export const ManageLinkInput = component(
  'ManageLinkInput',
  closed(
    { email: email(), locale: Type.Optional(localeTag()) },
    {
      description: 'A request for the link to “my data”; `locale`: the language of the mail.',
      examples: [{ email: 'ada@example.org', locale: 'en' }],
    },
  ),
);

export const SessionInput = component(
  'SessionInput',
  closed(
    { token: linkToken('pm', 'The token of the link that was mailed.') },
    {
      description: 'The link to “my data”.',
      examples: [{ token: 'pm_q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2' }],
    },
  ),
);

const SESSION = 'ps_q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2';

export const Session = component(
  'Session',
  open(
    {
      session_token: matching('^ps_[A-Za-z0-9_-]{44}$', 47, {
        description: 'Send it as `Authorization: Bearer ps_…`. It is not shown again.',
        examples: [SESSION],
      }),
      expires_at: instant({ description: 'When the session ends. After that a new link is needed.' }),
    },
    {
      description: 'A session of 15 minutes in which one supporter may see and change their data.',
      examples: [{ session_token: SESSION, expires_at: '2026-11-23T19:19:05.678Z' }],
    },
  ),
);
