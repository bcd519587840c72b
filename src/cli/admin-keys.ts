import { ApiKeyInput } from '../../schema/api/organization/api-keys.js';
import { createAdminKey, listAdminKeys, revokeAdminKey } from '../core/organization/admin-keys.js';
import { withContext } from './context.js';
import { held } from './contract.js';

export const createAdminKeyCommand = (options: { name: string }): Promise<void> =>
  withContext(async (ctx) => {
    const { name } = held(ApiKeyInput, { kind: 'secret', name: options.name });
    const { key, token } = await createAdminKey(ctx, name);
    console.log(`${key.publicId}  ${token}`);
    console.error('Keep it now: it is not shown again.');
  });

export const listAdminKeysCommand = (): Promise<void> =>
  withContext(async (ctx) => {
    for (const { publicId, hint, name, lastUsedAt, revokedAt } of await listAdminKeys(ctx.store.read)) {
      const used = revokedAt
        ? `revoked ${revokedAt.toISOString()}`
        : `last used ${lastUsedAt?.toISOString() ?? 'never'}`;
      console.log(`${publicId}  …${hint}  ${name}  ${used}`);
    }
  });

export const revokeAdminKeyCommand = (id: string): Promise<void> =>
  withContext(async (ctx) => {
    await revokeAdminKey(ctx, id);
    console.log(`${id} is revoked.`);
  });
