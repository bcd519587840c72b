import { listLinkKeys, removeLinkKey, rotateLinkKeys } from '../core/links/link-keys.js';
import { withContext } from './context.js';

export const rotateLinkKeysCommand = (): Promise<void> =>
  withContext(async (ctx) => {
    const { id } = await rotateLinkKeys(ctx);
    console.log(`Link key ${id} signs from now on. Links of older keys go on to work.`);
  });

export const listLinkKeysCommand = (): Promise<void> =>
  withContext(async (ctx) => {
    const keys = await listLinkKeys(ctx.store.read);
    for (const [i, { id, createdAt }] of keys.entries()) {
      console.log(`${id}  ${createdAt.toISOString()}  ${i === 0 ? 'signs and verifies' : 'verifies'}`);
    }
    if (keys.length === 0) console.log('None yet: the first is made with the first link.');
  });

export const removeLinkKeyCommand = (id: number): Promise<void> =>
  withContext(async (ctx) => {
    if (!(await removeLinkKey(ctx, id))) throw new Error(`there is no link key ${id}`);
    console.log(`Link key ${id} is removed: every link that it signed is void.`);
  });
