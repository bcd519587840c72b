import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { PetitionPath } from '../../../schema/api/common.js';
import { ShareStatistics, ShareStatisticsQuery } from '../../../schema/api/sharing/share-links.js';
import type { Context } from '../../core/context.js';
import { findSharedHead } from '../../core/partners/partnerships.js';
import {
  readShareGroups,
  readShareTotals,
  wholeHours,
  type ShareRow,
} from '../../core/sharing/share-statistics.js';
import { NOT_MODIFIED, PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { operation } from '../openapi/operation.js';
import { DEFAULT_RANGES, timeRangeOf } from '../time-range.js';

const toRow = ({ variantId, organizationId, from, ...row }: ShareRow) => ({
  ...row,
  variant_id: variantId,
  organization_id: organizationId,
  from: iso(from),
});

export const secretShareStatisticsRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/petitions/:petition/share-statistics',
      {
        config: { scope: 'shares:read' },
        schema: operation({
          operationId: 'getShareStatistics',
          tag: 'Sharing',
          access: 'secret',
          summary: 'Read what sharing a petition has brought',
          description:
            'Sums of all share links by network, wording, organization or time, for the lead organization and its partners. With `organization`, the sums of that organization.',
          params: PetitionPath,
          querystring: ShareStatisticsQuery,
          answers: { 200: ShareStatistics, 304: NOT_MODIFIED },
          errors: ['petition_not_found'],
        }),
      },
      async (request, reply) => {
        const { group = 'network', network, organization: organizationId, ...query } = request.query;
        const span = timeRangeOf(
          query,
          DEFAULT_RANGES[group === 'hour' || group === 'day' ? group : 'all'],
          ctx.now(),
        );
        const { key } = await findSharedHead(ctx.store.read, keyed(request), request.params.petition);
        const range = { petitionKey: key, ...wholeHours(span), network, organizationId };
        const data = await readShareGroups(ctx.store.read, group, range);
        const totals = await readShareTotals(ctx.store.read, range);
        return sendWithEtag(request, reply, PRIVATE_CACHE, {
          group,
          from: iso(range.from),
          before: iso(range.before),
          totals,
          data: data.map(toRow),
        });
      },
    );
    done();
  };
