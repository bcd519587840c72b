import { Type } from '@sinclair/typebox';
import { KEY_KINDS, SCOPES } from '../../db/tables/organization.js';
import { exampleId, id, ORIGIN_PATTERN, paging } from '../common.js';
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
  optional,
  pageOf,
} from '../typebox.js';

const origins = (description: string) =>
  list(
    matching(ORIGIN_PATTERN, 200, {
      rule: 'Write the origin as browsers send it, without a path, like https://example.org.',
      ownDomain: true,
      description:
        'An origin, or `https://*.example.org` for all subdomains of a domain. Wildcards below domains of many owners, like `https://*.org` and `https://*.github.io`, are refused.',
      examples: ['https://anglers.example'],
    }),
    50,
    { description, examples: [['https://anglers.example', 'https://*.anglers.example']] },
  );

const properties = {
  id: id('key', 'The key, not its secret.'),
  kind: enumOf(KEY_KINDS, {
    description: 'Secret: acts for the organization. Publishable: only attributes signatures to it.',
  }),
  name: line(100, { description: 'Your name for it.' }),
  scopes: list(enumOf(SCOPES), 20, { description: 'What it may do; empty for publishable keys.' }),
  origins: origins(
    'The origins of pages where browsers may use a publishable key; empty: anywhere. This is no authorization: clients other than browsers can send any origin.',
  ),
  test: Type.Boolean({
    description: 'Whether it is a key for tests: everything works, but nothing counts or is listed.',
  }),
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
  origins: [],
  test: false,
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
      token: matching('^[sp]k_(test_)?[0-9A-Za-z]{38}$', 46, {
        description: 'The key itself. It is shown only this once.',
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
          description: 'The scopes of a secret key: at most those of your key, and the same if absent.',
        }),
      ),
      origins: optional(
        origins(
          'The origins of pages where browsers may use a publishable key: anywhere if absent or empty. With a list, requests that change something need an `Origin` header.',
        ),
      ),
      test: optional(
        Type.Boolean({
          description:
            'A key for tests (`sk_test_…`, `pk_test_…`): what is made with it is apart from all that is real, and can be deleted at once. Its mails go to `test_email` of the organization, which must be set. A test key makes test keys only.',
        }),
      ),
    },
    {
      description: 'A new key.',
      examples: [
        { kind: 'secret', name: 'CRM', scopes: ['signatures:read', 'signatures:write'] },
        { kind: 'publishable', name: 'Our site', origins: ['https://anglers.example'] },
      ],
    },
  ),
);

export const ApiKeyPatch = component(
  'ApiKeyPatch',
  closed(
    {
      name: optional(line(100, { description: 'Your name for it.' })),
      origins: optional(
        Type.Unsafe<string[] | null>({
          ...origins('Replaces the list of a publishable key; null: anywhere.'),
          type: ['array', 'null'],
        }),
      ),
    },
    {
      minProperties: 1,
      description: 'A JSON Merge Patch (RFC 7396): absent is unchanged, null is cleared.',
      examples: [{ origins: ['https://anglers.example', 'https://*.anglers.example'] }],
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
