import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { FastifyReply } from 'fastify';
import { PetitionPath } from '../../../schema/api/common.js';
import {
  OwnShareLinkPage,
  ShareLink,
  ShareLinkInput,
  ShareLinkPath,
  ShareLinkQuery,
} from '../../../schema/api/sharing/share-links.js';
import type { Context } from '../../core/context.js';
import { composerUrl } from '../../core/sharing/composers.js';
import {
  assertShareLink,
  getShareLink,
  listShareLinks,
  type ShareLink as Link,
} from '../../core/sharing/share-links.js';
import { createShareLink } from '../../core/sharing/sharing.js';
import { cacheFor, MOVED, NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { callerOf } from '../caller.js';
import { iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';
import { qrPng, qrSvg } from './qr-codes.js';

const toShareLink = (ctx: Context, link: Link): (typeof ShareLink)['static'] => {
  const url = ctx.links.share(link.code);
  return {
    code: link.code,
    petition_id: link.petition.publicId,
    network: link.network,
    url,
    text: link.text,
    composer_url: composerUrl(link.network, { url, text: link.text, title: link.petition.title }),
    qr_svg_url: `${url}/qr.svg`,
    qr_png_url: `${url}/qr.png`,
    credited: link.signatureKey !== null,
    created_at: iso(link.createdAt),
    clicks: link.clicks,
    conversions: link.conversions,
  };
};

const toOwnShareLink = (ctx: Context, link: Link) => ({
  ...toShareLink(ctx, link),
  variant_id: link.variantId,
  organization_id: link.organizationId,
  source: link.source,
  requests: link.requests,
});

/** Sends a QR code, cacheable for ever: the picture of a code never changes. */
const sendPicture = (reply: FastifyReply, type: string, picture: string | Buffer) =>
  reply.header('cache-control', 'public, max-age=31536000, immutable').type(type).send(picture);

export const openShareLinkRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/petitions/:petition/share-links',
      {
        config: { limit: 'share' },
        schema: operation({
          operationId: 'createShareLink',
          tag: 'Sharing',
          access: 'open',
          summary: 'Make a link for sharing a petition',
          description:
            'A link for the petition, or, with the receipt of a signature, for its signer. Made with a key, the link is attributed to the organization of that key, and so are the signatures that it brings, unless these are sent with another key.',
          params: PetitionPath,
          body: ShareLinkInput,
          answers: { 201: ShareLink, 308: MOVED },
          errors: [
            'petition_not_found',
            'petition_taken_down',
            'petition_not_published',
            'receipt_invalid',
            'not_a_partner',
            'origin_not_allowed',
            'idempotency_key_reused',
            'invalid_header',
          ],
        }),
      },
      async (request, reply) => {
        const { actor, params, body } = request;
        const retry = retryFrom(ctx, request);
        const link = await createShareLink(ctx, actor, params.petition, body, retry, callerOf(request));
        return reply.code(201).header('cache-control', PRIVATE_CACHE).send(toShareLink(ctx, link));
      },
    );

    app.get(
      '/v1/share-links/:code',
      {
        schema: operation({
          operationId: 'getShareLink',
          tag: 'Sharing',
          access: 'open',
          summary: 'Read what a share link has brought',
          description: 'Sums, never people. Anyone who has the link can read them.',
          params: ShareLinkPath,
          answers: { 200: ShareLink, 304: NOT_MODIFIED },
          errors: ['share_link_not_found', 'petition_taken_down'],
        }),
      },
      async (request, reply) => {
        const link = await getShareLink(ctx.store.read, request.params.code);
        return sendWithEtag(request, reply, cacheFor(request), toShareLink(ctx, link));
      },
    );

    app.get(
      '/s/:code/qr.svg',
      {
        schema: operation({
          operationId: 'getShareLinkQrSvg',
          tag: 'Sharing',
          access: 'open',
          summary: 'Get the QR code of a share link as SVG',
          description: 'Black on white with a quiet zone, at any size. It never changes.',
          params: ShareLinkPath,
          answers: {
            200: {
              description: 'The picture.',
              content: {
                'image/svg+xml': {
                  schema: Type.String({
                    pattern: '^<svg [^\\u0000]*$',
                    maxLength: 20_000,
                    description: 'An SVG.',
                  }),
                },
              },
            },
          },
          errors: ['invalid_query', 'share_link_not_found'],
        }),
      },
      async (request, reply) => {
        const { code } = request.params;
        await assertShareLink(ctx.store.read, code);
        return sendPicture(reply, 'image/svg+xml', await qrSvg(ctx.links.share(code)));
      },
    );

    app.get(
      '/s/:code/qr.png',
      {
        schema: operation({
          operationId: 'getShareLinkQrPng',
          tag: 'Sharing',
          access: 'open',
          summary: 'Get the QR code of a share link as PNG',
          description:
            'Black on white with a quiet zone, about 400 pixels. It never changes. Use the SVG for print.',
          params: ShareLinkPath,
          answers: {
            200: {
              description: 'The picture.',
              content: {
                'image/png': {
                  schema: Type.String({
                    format: 'binary',
                    contentMediaType: 'image/png',
                    maxLength: 50_000,
                    description: 'A PNG.',
                  }),
                },
              },
            },
          },
          errors: ['invalid_query', 'share_link_not_found'],
        }),
      },
      async (request, reply) => {
        const { code } = request.params;
        await assertShareLink(ctx.store.read, code);
        return sendPicture(reply, 'image/png', await qrPng(ctx.links.share(code)));
      },
    );
    done();
  };

export const secretShareLinkRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/share-links',
      {
        config: { scope: 'shares:read' },
        schema: operation({
          operationId: 'listShareLinks',
          tag: 'Sharing',
          access: 'secret',
          summary: 'List the share links of a petition',
          description:
            'Latest first. The lead organization sees all of them, a partner its own. The person who made a link is not shown.',
          querystring: ShareLinkQuery,
          answers: { 200: OwnShareLinkPage, 304: NOT_MODIFIED },
          errors: ['petition_not_found', 'invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { petition, network, organization: organizationId, source, limit = 20, cursor } = request.query;
        const page = await listShareLinks(
          ctx.store.read,
          keyed(request),
          petition,
          { network, organizationId, source },
          { limit, cursor },
        );
        const toItem = (link: Link) => toOwnShareLink(ctx, link);
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPage(request, reply, page, toItem));
      },
    );
    done();
  };
