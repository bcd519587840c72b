import { ORIGIN_PATTERN } from '../../schema/api/common.js';
import { ApiKeyInput } from '../../schema/api/organization/api-keys.js';
import { SCOPES, type Scope } from '../../schema/db/tables/organization.js';
import type { Context } from '../core/context.js';
import { createKey, listKeys, revokeKey, type KeyKind } from '../core/organization/api-keys.js';
import { findOrganization, type Organization } from '../core/organization/organizations.js';
import { withContext } from './context.js';
import { held } from './contract.js';

async function organizationOf(ctx: Context, slug: string): Promise<Organization> {
  const organization = await findOrganization(ctx.store.read, slug);
  if (!organization) {
    throw new Error(`there is no organization ${slug}: see 'undersigned organizations list'`);
  }
  return organization;
}

export const createKeyCommand = (options: {
  organization: string;
  kind: KeyKind;
  name: string;
  scopes?: Scope[];
  origin?: string[];
  test?: boolean;
}): Promise<void> =>
  withContext(async (ctx) => {
    const { kind } = options;
    const { key: organizationKey, testEmail } = await organizationOf(ctx, options.organization);
    if (options.test && testEmail === null) {
      throw new Error('set test_email of the organization first: the mails of tests go there');
    }
    const scopes = kind === 'secret' ? (options.scopes ?? SCOPES) : [];
    const { origin: typed = [] } = options;
    if (!typed.every((origin) => new RegExp(ORIGIN_PATTERN).test(origin))) {
      throw new Error('write an origin like https://example.org or https://*.example.org');
    }
    const { name, origins } = held(ApiKeyInput, { kind, name: options.name, origins: typed });
    if (kind === 'secret' && origins.length > 0) {
      throw new Error('a secret key works on no page: leave --origin out');
    }
    const { key, token } = await createKey(ctx, {
      organizationKey,
      kind,
      name,
      scopes,
      origins,
      test: options.test ?? false,
    });
    console.log(`${key.publicId}  ${token}`);
    console.error('Keep it now: it is not shown again.');
  });

export const listKeysCommand = (options: { organization: string }): Promise<void> =>
  withContext(async (ctx) => {
    const { key: organizationKey } = await organizationOf(ctx, options.organization);
    let cursor: string | undefined;
    do {
      const page = await listKeys(ctx.store.read, organizationKey, { limit: 100, cursor });
      for (const { publicId, kind, hint, name, origins, test, lastUsedAt, revokedAt } of page.items) {
        const used = revokedAt
          ? `revoked ${revokedAt.toISOString()}`
          : `last used ${lastUsedAt?.toISOString() ?? 'never'}`;
        const where = origins.length > 0 ? `  on ${origins.join(' ')}` : '';
        console.log(`${publicId}  ${test ? 'test ' : ''}${kind}  …${hint}  ${name}  ${used}${where}`);
      }
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  });

export const revokeKeyCommand = (id: string): Promise<void> =>
  withContext(async (ctx) => {
    await revokeKey(ctx, null, id);
    console.log(`${id} is revoked.`);
  });
