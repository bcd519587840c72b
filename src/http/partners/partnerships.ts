import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import { PetitionPath } from '../../../schema/api/common.js';
import {
  PartnerStatistics,
  PartnerInvitation,
  Partnership,
  PartnershipAcceptance,
  PartnershipEnding,
  PartnershipPage,
  PartnershipPath,
  PartnershipQuery,
} from '../../../schema/api/partners/partnerships.js';
import type { Context } from '../../core/context.js';
import { invitePartner } from '../../core/partners/inviting.js';
import { readPartnerBoard, type Standing } from '../../core/partners/partner-board.js';
import {
  acceptPartnership,
  declinePartnership,
  endPartnership,
} from '../../core/partners/partnership-moves.js';
import {
  getPartnership,
  listPartnerships,
  type Group,
  type PartnershipView,
} from '../../core/partners/partnerships.js';
import type { ErrorCode } from '../../errors.js';
import { MOVED, NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';

export const toGroup = ({ publicId, slug, name, url }: Group) => ({ id: publicId, slug, name, url });

const toPartnership = (view: PartnershipView): (typeof Partnership)['static'] => ({
  id: view.publicId,
  petition: { id: view.petition.publicId, slug: view.petition.slug, title: view.petition.title },
  lead: toGroup(view.lead),
  partner: toGroup(view.partner),
  status: view.status,
  lead_sees: view.leadSees,
  listed: view.listed === 1,
  may_vouch: view.vouchLimit !== null,
  vouch_limit: view.vouchLimit,
  invited_at: iso(view.invitedAt),
  answered_at: iso(view.answeredAt),
  ended_at: iso(view.endedAt),
  reason: view.reason,
});

const toStanding = (row: Standing) => ({
  partnership_id: row.partnershipId,
  organization: toGroup(row.organization),
  status: row.status,
  lead_sees: row.leadSees,
  vouching: row.vouching,
  invited_at: iso(row.invitedAt),
  answered_at: iso(row.answeredAt),
  confirmed: row.confirmed,
  pending: row.pending,
  paper: row.paper,
});

const config = { scope: 'partners:write' } as const;

/** Routes of one petition: invitations and the leader board. */
export const secretPartnerRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/petitions/:petition/partners',
      {
        config,
        schema: operation({
          operationId: 'invitePartner',
          tag: 'Partners',
          access: 'secret',
          summary: 'Invite a partner to your petition',
          description:
            'Invites an organization to take part. Once it has accepted (`acceptPartnership`), its keys collect signatures. After it has declined, or the partnership has ended, you can invite it again, on other terms. A petition has at most 100 partners, open invitations included.',
          params: PetitionPath,
          body: PartnerInvitation,
          answers: { 201: Partnership, 308: MOVED },
          errors: [
            'petition_not_found',
            'petition_taken_down',
            'organization_not_found',
            'partnership_state',
            'too_many_partners',
            'test_key',
            'idempotency_key_reused',
            'invalid_header',
          ],
        }),
      },
      async (request, reply) => {
        const {
          organization,
          lead_sees: leadSees,
          may_vouch: mayVouch,
          vouch_limit: vouchLimit,
        } = request.body;
        const invitation = { organization, leadSees, mayVouch, vouchLimit };
        const { petition } = request.params;
        const retry = retryFrom(ctx, request);
        const view = await invitePartner(ctx, keyed(request), petition, invitation, retry);
        return reply.code(201).header('cache-control', PRIVATE_CACHE).send(toPartnership(view));
      },
    );

    app.get(
      '/v1/petitions/:petition/partners',
      {
        schema: operation({
          operationId: 'getPartnerStatistics',
          tag: 'Partners',
          access: 'secret',
          summary: 'See how many signatures each partner has brought',
          description:
            'The leader board: sums, never people. For any secret key of the lead organization or of a partner. The lead sees every organization that it has ever invited. A partner sees the other partners, but pending signatures only of its own.',
          params: PetitionPath,
          answers: { 200: PartnerStatistics, 304: NOT_MODIFIED, 308: MOVED },
          errors: ['petition_not_found'],
        }),
      },
      async (request, reply) => {
        const board = await readPartnerBoard(ctx.store.read, keyed(request), request.params.petition);
        const { petitionId, lead, unattributed, partners } = board;
        return sendWithEtag(request, reply, PRIVATE_CACHE, {
          petition_id: petitionId,
          lead,
          unattributed,
          partners: partners.map(toStanding),
        });
      },
    );
    done();
  };

/** Routes of one organization: its partnerships in petitions of others. */
export const secretPartnershipRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/partnerships',
      {
        schema: operation({
          operationId: 'listPartnerships',
          tag: 'Partners',
          access: 'secret',
          summary: 'List your partnerships',
          description:
            'The petitions of others to which your organization was invited, latest first. For any secret key.',
          querystring: PartnershipQuery,
          answers: { 200: PartnershipPage, 304: NOT_MODIFIED },
          errors: ['invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor, status } = request.query;
        const page = await listPartnerships(ctx.store.read, keyed(request), { limit, cursor, status });
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPage(request, reply, page, toPartnership));
      },
    );

    app.get(
      '/v1/partnerships/:partnership',
      {
        schema: operation({
          operationId: 'getPartnership',
          tag: 'Partners',
          access: 'secret',
          summary: 'Read a partnership',
          description: 'For any secret key of the lead organization or of the partner.',
          params: PartnershipPath,
          answers: { 200: Partnership, 304: NOT_MODIFIED },
          errors: ['partnership_not_found'],
        }),
      },
      async (request, reply) => {
        const view = await getPartnership(ctx.store.read, keyed(request), request.params.partnership);
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPartnership(view));
      },
    );

    const send = (reply: FastifyReply, view: PartnershipView) =>
      reply.header('cache-control', PRIVATE_CACHE).send(toPartnership(view));

    app.post(
      '/v1/partnerships/:partnership/accept',
      {
        config,
        schema: operation({
          operationId: 'acceptPartnership',
          tag: 'Partners',
          access: 'secret',
          summary: 'Accept an invitation',
          description:
            'For the partner. Send the terms (`lead_sees`) that you have read: if they differ from those of the invitation, nothing changes. From then on your keys collect signatures for the petition, its signing form may ask whether you may mail the signer, and it names you among its `partners` (unless you send `listed: false`).',
          params: PartnershipPath,
          body: PartnershipAcceptance,
          answers: { 200: Partnership },
          errors: MOVE_ERRORS,
        }),
      },
      async (request, reply) => {
        const { partnership } = request.params;
        const { lead_sees: leadSees, listed = true } = request.body;
        const terms = { leadSees, listed };
        return send(
          reply,
          await acceptPartnership(ctx, keyed(request), partnership, terms, retryFrom(ctx, request)),
        );
      },
    );

    const endings = [
      {
        path: 'decline',
        operationId: 'declinePartnership',
        verb: declinePartnership,
        summary: 'Decline an invitation',
        description: 'For the partner. The lead organization sees the reason, if you give one.',
      },
      {
        path: 'end',
        operationId: 'endPartnership',
        verb: endPartnership,
        summary: 'End a partnership',
        description:
          'For either side; the lead can also withdraw an invitation with it. The keys of the partner no longer collect signatures, and the partner no longer sees them. What the lead sees of them stays as agreed.',
      },
    ];
    for (const { path, operationId, verb, summary, description } of endings) {
      app.post(
        `/v1/partnerships/:partnership/${path}`,
        {
          config,
          schema: operation({
            operationId,
            tag: 'Partners',
            access: 'secret',
            summary,
            description,
            params: PartnershipPath,
            body: PartnershipEnding,
            answers: { 200: Partnership },
            errors: MOVE_ERRORS,
          }),
        },
        async (request, reply) => {
          const { partnership } = request.params;
          const { reason = null } = request.body;
          return send(reply, await verb(ctx, keyed(request), partnership, reason, retryFrom(ctx, request)));
        },
      );
    }
    done();
  };

const MOVE_ERRORS: readonly ErrorCode[] = [
  'partnership_not_found',
  'partnership_state',
  'idempotency_key_reused',
  'invalid_header',
];
