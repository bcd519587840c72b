import { SCOPES } from '../../schema/db/tables/organization.js';
import type { KeyedActor } from '../core/actor.js';
import type { Context } from '../core/context.js';
import { createMailing } from '../core/mailings/writing.js';
import { createKey, type ApiKey } from '../core/organization/api-keys.js';
import {
  createOrganization,
  listOrganizations,
  type Organization,
} from '../core/organization/organizations.js';
import { invitePartner } from '../core/partners/inviting.js';
import { acceptPartnership } from '../core/partners/partnership-moves.js';
import { createPetition, transitionPetition } from '../core/petitions/petitions.js';
import { campaign, LEAD, mailing, PARTNER } from './campaign.js';

export type Demo = { slug: string; secretKey: string; publishableKey: string };

/** Creates the demo organizations, petition, mailing (which is not sent) and keys in an empty database. Returns undefined when it is not empty. */
export async function installDemo(ctx: Context): Promise<Demo | undefined> {
  if ((await listOrganizations(ctx.store.read)).length > 0) return undefined;
  const lead = await createOrganization(ctx, LEAD);
  const partner = await createOrganization(ctx, PARTNER);
  const secret = await createKey(ctx, {
    organizationKey: lead.key,
    kind: 'secret',
    name: 'First key',
    scopes: SCOPES,
  });
  const publishable = await createKey(ctx, {
    organizationKey: partner.key,
    kind: 'publishable',
    name: 'Partner site',
    scopes: [],
  });
  const actor = actorOf(lead, secret);
  const { petition } = await createPetition(ctx, actor, campaign(partner.publicId));
  await transitionPetition(ctx, actor, petition.publicId, { to: 'published' });
  const invitation = { organization: partner.publicId, leadSees: 'full' } as const;
  const { publicId } = await invitePartner(ctx, actor, petition.publicId, invitation);
  await acceptPartnership(ctx, actorOf(partner, publishable), publicId, invitation);
  await createMailing(ctx, actor, mailing(petition.slug));
  return { slug: petition.slug, secretKey: secret.token, publishableKey: publishable.token };
}

/** An actor with all scopes for an organization. */
const actorOf = (
  { key: organizationKey, publicId: organizationId }: Organization,
  { key }: { key: ApiKey },
): KeyedActor => ({
  kind: 'secret',
  keyKey: key.key,
  keyId: key.publicId,
  organizationKey,
  organizationId,
  scopes: SCOPES,
  origins: [],
});

/** The text that a first start prints. The keys are shown here and never again. */
export const welcome = (url: string, { slug, secretKey, publishableKey }: Demo): string => `
  A demo petition is ready. These keys are shown once:

    ${secretKey}  secret key of ${LEAD.name}
    ${publishableKey}  publishable key of ${PARTNER.name}

  For another one: npm run -s undersigned -- keys create --organization ${LEAD.slug}

  Read it:
    curl ${url}/v1/petitions/${slug}

  Sign it, as anybody:
    curl ${url}/v1/petitions/${slug}/signatures \\
      -H 'content-type: application/json' \\
      -d '{"name":"Ada Okonkwo","email":"ada@example.org","country":"NL","display":"initials"}'

  See the count, and who has signed:
    curl ${url}/v1/petitions/${slug}/counts
    curl ${url}/v1/petitions/${slug}/signatures

  See what only the organiser sees:
    curl '${url}/v1/signatures?petition=${slug}' -H 'authorization: Bearer ${secretKey}'
`;
