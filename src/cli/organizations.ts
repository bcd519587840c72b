import { slug as slugOf } from '../../schema/api/common.js';
import { OrganizationPatch } from '../../schema/api/organization/organizations.js';
import { closed } from '../../schema/api/typebox.js';
import { createOrganization, listOrganizations } from '../core/organization/organizations.js';
import { camelKeys } from '../http/case.js';
import { withContext } from './context.js';
import { held } from './contract.js';

const SLUG = closed({ slug: slugOf('Its short name in URLs.') });

export const createOrganizationCommand = (options: {
  name: string;
  slug?: string;
  url?: string;
  imprint?: string;
  logoUrl?: string;
  color?: string;
  privacyUrl?: string;
  testEmail?: string;
}): Promise<void> =>
  withContext(async (ctx) => {
    const {
      slug: wanted,
      logoUrl: logo_url,
      privacyUrl: privacy_url,
      testEmail: test_email,
      ...said
    } = options;
    const addresses = {
      ...(logo_url === undefined ? {} : { logo_url }),
      ...(privacy_url === undefined ? {} : { privacy_url }),
      ...(test_email === undefined ? {} : { test_email }),
    };
    const input = held(OrganizationPatch, { ...said, ...addresses });
    if (wanted !== undefined) held(SLUG, { slug: wanted });
    const { publicId, slug } = await createOrganization(ctx, {
      ...(wanted === undefined ? {} : { slug: wanted }),
      ...camelKeys(input),
    });
    console.log(`${publicId}  ${slug}`);
  });

export const listOrganizationsCommand = (): Promise<void> =>
  withContext(async (ctx) => {
    for (const { publicId, slug, name } of await listOrganizations(ctx.store.read)) {
      console.log(`${publicId}  ${slug}  ${name}`);
    }
  });
