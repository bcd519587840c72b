import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import { PetitionPath } from '../../../schema/api/common.js';
import { HistoryPictureQuery } from '../../../schema/api/counts/history-picture.js';
import type { Context } from '../../core/context.js';
import { nextMilestone, totalOf } from '../../core/counts/counts.js';
import { findLead } from '../../core/petitions/lead.js';
import { isOpenAt } from '../../core/petitions/petition-life.js';
import { findPetition } from '../../core/petitions/petition-lookup.js';
import type { PetitionRow } from '../../core/petitions/petition-rules.js';
import { readGrown, type Grown } from '../../core/petitions/pictures.js';
import { RecentMap } from '../../core/recent-map.js';
import type { Catalogue } from '../../mail/catalogue.js';
import type { Locales } from '../../mail/locales.js';
import { MINUTE_MS } from '../../time.js';
import { languageOf } from '../accept-language.js';
import { MOVED, NOT_MODIFIED, PRIVATE_CACHE } from '../answers.js';
import { etagOf, isFresh } from '../conditional.js';
import { operation } from '../openapi/operation.js';
import { drawGrowth, type GrowthContent } from './growth-chart.js';
import { growthWords } from './growth-words.js';

/** Fresh for a minute; caches may serve an older picture for an hour while they revalidate. */
const CACHE = 'public, max-age=60, stale-while-revalidate=3600';
/**
 * Petitions whose growth is kept for a minute, with the pictures of it: all of it is read for each, however old they are,
 * and drawing takes longer than the rest of a request.
 */
const MOST = 50;

type Kept = { until: number; grown: Promise<Grown>; drawn: Map<string, Drawn> };
type Drawn = { svg: string; etag: string; policy: string };

function draw(content: GrowthContent, catalogue: Catalogue): Drawn {
  const { svg, styleHash } = drawGrowth(content, growthWords(catalogue));
  const policy = `default-src 'none'; style-src 'sha256-${styleHash}'; sandbox`;
  return { svg, etag: etagOf(svg), policy };
}

const contentOf = (
  { title, goals }: PetitionRow,
  grown: Grown,
  look: Pick<GrowthContent, 'color' | 'isOpen' | 'theme'>,
): GrowthContent => ({
  ...look,
  title,
  grown,
  goal: look.isOpen ? nextMilestone(goals, totalOf(grown.counts)) : null,
});

/** The picture of how a petition has grown. */
export const growthRoutes =
  (ctx: Context, locales: Locales): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const kept = new RecentMap<Kept, string>(MOST);
    const growthOf = (petition: PetitionRow, now: Date): Kept => {
      const key = `${petition.publicId} ${petition.version}`;
      const known = kept.get(key);
      if (known && now.getTime() < known.until) return known;
      const grown = readGrown(ctx.store.read, petition, now);
      const made: Kept = { until: now.getTime() + MINUTE_MS, grown, drawn: new Map() };
      kept.set(key, made);
      grown.catch(() => (made.until = 0));
      return made;
    };

    app.get(
      '/v1/petitions/:petition/history.svg',
      {
        schema: operation({
          operationId: 'getPetitionHistoryPicture',
          tag: 'Counts',
          access: 'open',
          summary: 'See how a petition has grown',
          description:
            'The total over time as an SVG of 640 × 360 for `<img>`, which can also be read at a width of 320: with the goals and thresholds that were reached, and the next goal; light or dark. Paper stands where it was entered, a number from elsewhere where it was recorded. At most a minute old. It has a title and a description in words, and runs and loads nothing.',
          params: PetitionPath,
          querystring: HistoryPictureQuery,
          takes: ['Accept-Language'],
          answers: {
            200: {
              description: 'The picture.',
              content: {
                'image/svg+xml': {
                  schema: Type.String({
                    pattern: '^<svg [^\\u0000]*$',
                    maxLength: 50_000,
                    description: 'An SVG.',
                  }),
                },
              },
            },
            304: NOT_MODIFIED,
            308: MOVED,
          },
          sends: ['Content-Language'],
          errors: ['petition_not_found', 'petition_taken_down'],
        }),
      },
      async (request, reply) => {
        const { locale, theme } = request.query;
        const now = ctx.now();
        const petition = await findPetition(ctx.store.read, request.actor, request.params.petition);
        const { color } = await findLead(ctx.store.read, petition);
        const { grown, drawn } = growthOf(petition, now);
        const accepted = request.headers['accept-language'];
        const catalogue =
          locale === undefined && accepted !== undefined
            ? languageOf(locales, accepted)
            : locales.pick(locale ?? petition.locale);
        const isOpen = isOpenAt(petition, now);
        const key = [catalogue.locale, theme, color, isOpen].join(' ');
        const shown =
          drawn.get(key) ?? draw(contentOf(petition, await grown, { color, isOpen, theme }), catalogue);
        drawn.set(key, shown);
        reply
          .header('etag', shown.etag)
          .header('cache-control', request.actor.kind === 'secret' ? PRIVATE_CACHE : CACHE);
        if (locale === undefined) reply.header('vary', 'accept-language');
        if (isFresh(request, shown.etag)) return reply.code(304).send();
        return reply
          .header('content-language', catalogue.locale)
          .header('content-security-policy', shown.policy)
          .type('image/svg+xml; charset=utf-8')
          .send(shown.svg);
      },
    );
    done();
  };
