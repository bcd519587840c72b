import { createOrganization, listOrganizations } from '../core/organizations.js';
import { withContext } from './context.js';

export const createOrganizationCommand = (options: {
  name: string;
  slug?: string;
  url?: string;
}): Promise<void> =>
  withContext(async (ctx) => {
    const { publicId, slug } = await createOrganization(ctx, options);
    console.log(`${publicId}  ${slug}`);
  });

export const listOrganizationsCommand = (): Promise<void> =>
  withContext(async (ctx) => {
    for (const { publicId, slug, name } of await listOrganizations(ctx.store.read)) {
      console.log(`${publicId}  ${slug}  ${name}`);
    }
  });
