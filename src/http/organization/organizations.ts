import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import {
  CreatedOrganization,
  Organization,
  OrganizationInput,
  OrganizationPatch,
} from '../../../schema/api/organization/organizations.js';
import type { Context } from '../../core/context.js';
import {
  getOrganization,
  patchOrganization,
  setUpOrganization,
  type Organization as Row,
} from '../../core/organization/organizations.js';
import { NOT_MODIFIED, PRIVATE_CACHE } from '../answers.js';
import { adminOf } from '../admin.js';
import { keyed } from '../auth.js';
import { camelKeys, iso } from '../case.js';
import { sendWithEtag, versionOf } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';
import { toKey } from './api-keys.js';

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
  test_email: row.testEmail,
  test: row.testOf !== null,
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
          errors: ['precondition_required', 'precondition_failed', 'test_key'],
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

/** Routes for setting up an installation, with an admin key. */
export const adminOrganizationRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/organizations',
      {
        config: { adminScope: 'installation:write' },
        schema: operation({
          operationId: 'createOrganization',
          tag: 'Organization',
          access: 'admin',
          summary: 'Create an organization and its first key',
          description:
            'For scripts that set up an installation. It needs an admin key with the scope `installation:write`, which an operator makes on the command line: `undersigned admin-keys create`. The answer holds the first secret key of the organization, with all scopes; it is shown only this once.',
          body: OrganizationInput,
          answers: { 201: CreatedOrganization },
          errors: ['slug_taken', 'idempotency_key_reused', 'invalid_header'],
        }),
      },
      async (request, reply) => {
        const admin = adminOf(request, 'installation:write');
        const { keyName = 'First key', ...input } = camelKeys(request.body);
        const made = await setUpOrganization(ctx, admin, { ...input, keyName }, retryFrom(ctx, request));
        return reply
          .code(201)
          .header('cache-control', PRIVATE_CACHE)
          .send({
            organization: toOrganization(made.organization),
            api_key: { ...toKey(made.key), token: made.token },
          });
      },
    );
    done();
  };
