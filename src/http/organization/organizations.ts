import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Organization, OrganizationPatch } from '../../../schema/api/organization/organizations.js';
import type { Context } from '../../core/context.js';
import {
  getOrganization,
  patchOrganization,
  type Organization as Row,
} from '../../core/organization/organizations.js';
import { NOT_MODIFIED, PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { camelKeys, iso } from '../case.js';
import { sendWithEtag, versionOf } from '../conditional.js';
import { operation } from '../openapi/operation.js';

const toOrganization = (row: Row) => ({
  id: row.publicId,
  slug: row.slug,
  name: row.name,
  url: row.url,
  locale: row.locale,
  imprint: row.imprint,
  logo_url: row.logoUrl,
  color: row.color,
  privacy_url: row.privacyUrl,
  reply_to: row.replyTo,
  double_opt_in: row.doubleOptIn === 1,
  created_at: iso(row.createdAt),
  updated_at: iso(row.updatedAt),
});

export const secretOrganizationRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/organization',
      {
        schema: operation({
          operationId: 'getOrganization',
          tag: 'Organization',
          access: 'secret',
          summary: 'Read your organization',
          description: 'The organization that the key belongs to. Any secret key may ask.',
          answers: { 200: Organization, 304: NOT_MODIFIED },
        }),
      },
      async (request, reply) => {
        const row = await getOrganization(ctx.store.read, keyed(request));
        return sendWithEtag(request, reply, PRIVATE_CACHE, toOrganization(row), row.version);
      },
    );

    app.patch(
      '/v1/organization',
      {
        config: { scope: 'organization:write' },
        schema: operation({
          operationId: 'updateOrganization',
          tag: 'Organization',
          access: 'secret',
          summary: 'Change your organization',
          description: 'A JSON Merge Patch. Needs `If-Match` with the ETag that you have read.',
          body: OrganizationPatch,
          answers: { 200: Organization },
          errors: ['precondition_required', 'precondition_failed'],
        }),
      },
      async (request, reply) => {
        const patch = camelKeys(request.body);
        const row = await patchOrganization(ctx, keyed(request), versionOf(request), patch);
        return sendWithEtag(request, reply, PRIVATE_CACHE, toOrganization(row), row.version);
      },
    );
    done();
  };
