import { Type } from '@sinclair/typebox';
import { KEY_KINDS, SCOPES } from '../db/tables.js';
import { exampleId, id, paging } from './common.js';
import {
  closed,
  component,
  enumOf,
  instant,
  line,
  list,
  matching,
  nullable,
  open,
  pageOf,
} from './typebox.js';

const properties = {
  id: id('key', 'The key, not its secret.'),
  kind: enumOf(KEY_KINDS, {
    description: 'Secret: acts for the organization. Publishable: only says through whom a signature came.',
  }),
  name: line(100, { description: 'Your name for it.' }),
  scopes: list(enumOf(SCOPES), 20, { description: 'What it may do; empty for publishable keys.' }),
  hint: matching('^[0-9A-Za-z]{4}$', 4, { description: 'Its last four characters.' }),
  created_at: instant({ description: 'When it was made.' }),
  last_used_at: nullable(instant({ description: 'When it was last used, to the minute; null: never.' })),
  revoked_at: nullable(instant({ description: 'When it was revoked; null: it works.' })),
};

const EXAMPLE = {
  id: exampleId('key'),
  kind: 'secret',
  name: 'CRM',
  scopes: ['signatures:read', 'signatures:write'],
  hint: 'x7Qd',
  created_at: '2026-11-01T09:00:00.000Z',
  last_used_at: '2026-11-23T19:04:00.000Z',
  revoked_at: null,
};

export const ApiKey = component(
  'ApiKey',
  open(properties, { description: 'A key, without its secret.', examples: [EXAMPLE] }),
);

export const CreatedApiKey = component(
  'CreatedApiKey',
  open(
    {
      ...properties,
      token: matching('^[sp]k_[0-9A-Za-z]{38}$', 41, {
        description: 'The key itself. It is shown now and never again.',
      }),
    },
    {
      description: 'A new key with its secret.',
      examples: [
        { ...EXAMPLE, last_used_at: null, hint: '8xJq', token: 'sk_0123456789ABCDEFGHIJKLMNOPQRSTUV0a8xJq' },
      ],
    },
  ),
);

export const ApiKeyInput = component(
  'ApiKeyInput',
  closed(
    {
      kind: enumOf(KEY_KINDS, { description: 'Secret or publishable.' }),
      name: line(100, { description: 'Your name for it.' }),
      scopes: Type.Optional(
        list(enumOf(SCOPES), 20, {
          uniqueItems: true,
          description: 'What a secret key may do: at most what yours may; the same as yours if absent.',
        }),
      ),
    },
    {
      description: 'A new key.',
      examples: [{ kind: 'secret', name: 'CRM', scopes: ['signatures:read', 'signatures:write'] }],
    },
  ),
);

export const ApiKeyPage = component(
  'ApiKeyPage',
  pageOf(ApiKey, {
    description: 'A page of keys.',
    examples: [{ data: [EXAMPLE], next_cursor: null, has_more: false }],
  }),
);
export const ApiKeyQuery = closed({ ...paging });
export const ApiKeyPath = closed({ key: id('key', 'The key.') });
