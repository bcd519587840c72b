import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type, type Static } from '@sinclair/typebox';
import type { MailingStatistics as Body } from '../../../schema/api/mailing-results/statistics.js';
import {
  MailingChartQuery,
  MailingStatistics,
  WinnerInput,
} from '../../../schema/api/mailing-results/statistics.js';
import { MailingPath } from '../../../schema/api/mailings/mailings.js';
import type { Context } from '../../core/context.js';
import { startOf } from '../../core/counts/share-figures.js';
import {
  getMailingStatistics,
  type Figures,
  type MailingStatistics as Statistics,
} from '../../core/mailing-results/statistics.js';
import { chooseMailingWinner, LEAST_SENT, SURE } from '../../core/mailing-results/winner.js';
import { localeOfMailing } from '../../core/mailings/mailings.js';
import type { Locales } from '../../mail/locales.js';
import { NOT_MODIFIED, PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { etagOf, isFresh, sendWithEtag } from '../conditional.js';
import { operation } from '../openapi/operation.js';
import { chartWords } from './chart-words.js';
import { drawStatistics } from './statistics-chart.js';

const toFigures = ({ confirmed, ...figures }: Figures) => ({ ...figures, confirmed_signatures: confirmed });

const rate = (part: number, of: number): number => (of === 0 ? 0 : Math.round((part / of) * 1e6) / 1e6);
const rounded = (chance: number): number => Math.round(chance * 1e4) / 1e4;

function toStatistics({ mailing, states, figures, variants, links, hours }: Statistics): Static<typeof Body> {
  return {
    mailing_id: mailing.publicId,
    audience: Object.values(states).reduce((total, n) => total + n, 0),
    states,
    ...toFigures(figures),
    test: toTest({ mailing, variants }),
    variants: variants.map((one) => ({
      id: one.publicId,
      name: one.name,
      states: one.states,
      ...toFigures(one.figures),
      click_rate: rate(one.figures.clicks, one.figures.sent),
      confirmed_rate: rate(one.figures.confirmed, one.figures.sent),
      chance_to_be_best: one.chance === null ? null : rounded(one.chance),
      winner: one.isWinner,
    })),
    links: links.map(({ variantId, position, url, clicks, machineClicks }) => ({
      variant_id: variantId,
      position,
      url,
      clicks,
      machine_clicks: machineClicks,
    })),
    hours: hours.map(({ hour, figures: some }) => ({
      from: startOf(hour).toISOString(),
      ...toFigures(some),
    })),
  };
}

function toTest({ mailing, variants }: Pick<Statistics, 'mailing' | 'variants'>) {
  if (variants.length < 2) return null;
  const best = Math.max(...variants.map(({ chance }) => chance ?? 0));
  return {
    metric: mailing.metric,
    share: mailing.testShare,
    winner_id: variants.find(({ isWinner }) => isWinner)?.publicId ?? null,
    decided_at: iso(mailing.decidedAt),
    best_chance: rounded(best),
    proven: best >= SURE && variants.every(({ figures }) => figures.sent >= LEAST_SENT),
  };
}

const SVG = {
  description:
    'The chart: it has a title and a description, and follows the light or dark scheme of its reader.',
  content: {
    'image/svg+xml': {
      schema: Type.String({ pattern: '^<svg [^\\u0000]*$', maxLength: 500_000, description: 'An SVG.' }),
    },
  },
};

export const secretMailingStatisticsRoutes =
  (ctx: Context, locales: Pick<Locales, 'pick'>): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/mailings/:mailing/statistics',
      {
        config: { scope: 'mailings:write' },
        schema: operation({
          operationId: 'getMailingStatistics',
          tag: 'Mailing results',
          access: 'secret',
          summary: 'Read what a mailing has brought',
          description:
            'Its audience by state, what came back, clicks of people and machines by link, signatures, all by wording and by the hour. Clicks follow about ten seconds later.',
          params: MailingPath,
          answers: { 200: MailingStatistics, 304: NOT_MODIFIED },
          errors: ['mailing_not_found'],
        }),
      },
      async (request, reply) => {
        const found = await getMailingStatistics(ctx.store.read, keyed(request), request.params.mailing);
        return sendWithEtag(request, reply, PRIVATE_CACHE, toStatistics(found));
      },
    );

    app.get(
      '/v1/mailings/:mailing/statistics.svg',
      {
        config: { scope: 'mailings:write' },
        schema: operation({
          operationId: 'drawMailingStatistics',
          tag: 'Mailing results',
          access: 'secret',
          summary: 'See what a mailing has brought',
          description:
            'The statistics as a chart: mails, clicks and confirmed signatures over time, and the wordings beside each other. Its words are in the language of the mailing, unless another is asked for.',
          params: MailingPath,
          querystring: MailingChartQuery,
          answers: { 200: SVG, 304: NOT_MODIFIED },
          errors: ['mailing_not_found'],
        }),
      },
      async (request, reply) => {
        const found = await getMailingStatistics(ctx.store.read, keyed(request), request.params.mailing);
        const locale = request.query.locale ?? (await localeOfMailing(ctx.store.read, found.mailing));
        const picture = drawStatistics(found, chartWords(locales.pick(locale)));
        const etag = etagOf(picture);
        reply.header('etag', etag).header('cache-control', PRIVATE_CACHE);
        if (isFresh(request, etag)) return reply.code(304).send();
        // Its styles are inside it; opened on its own it may load and run nothing.
        reply.header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox");
        return reply.type('image/svg+xml; charset=utf-8').send(picture);
      },
    );

    app.post(
      '/v1/mailings/:mailing/winner',
      {
        config: { scope: 'mailings:send' },
        schema: operation({
          operationId: 'chooseMailingWinner',
          tag: 'Mailing results',
          access: 'secret',
          summary: 'Choose the winner of a test',
          description:
            'The rest of the audience gets this wording from now on, without waiting for the end of the test. How sure it is, is in the statistics. Choosing it again changes nothing.',
          params: MailingPath,
          body: WinnerInput,
          answers: { 200: MailingStatistics },
          errors: ['mailing_not_found', 'variant_not_found', 'mailing_transition_not_allowed'],
        }),
      },
      async (request, reply) => {
        const { params, body } = request;
        await chooseMailingWinner(ctx, keyed(request), params.mailing, body.variant_id);
        const found = await getMailingStatistics(ctx.store.read, keyed(request), params.mailing);
        return reply.header('cache-control', PRIVATE_CACHE).send(toStatistics(found));
      },
    );
    done();
  };
