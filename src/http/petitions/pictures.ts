import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import { Counter, Gauge, type Registry } from 'prom-client';
import { PetitionPath } from '../../../schema/api/common.js';
import type { Context } from '../../core/context.js';
import { closestTo } from '../../core/petitions/languages.js';
import { findPictured } from '../../core/petitions/pictures.js';
import { localeOf } from '../../core/typed-text.js';
import { describeError } from '../../errors.js';
import type { Locales } from '../../mail/locales.js';
import { PictureCache } from '../../pictures/cache.js';
import { Renderer } from '../../pictures/renderer.js';
import { growthRoutes } from '../counts/growth.js';
import { MOVED, NOT_MODIFIED, PRIVATE_CACHE } from '../answers.js';
import { isFresh } from '../conditional.js';
import { operation } from '../openapi/operation.js';
import { CampaignPictures } from './campaign-pictures.js';
import { fetchPicture, type FetchOptions } from './fetch-picture.js';
import { contentOf } from './picture-content.js';

/** Fresh for a minute; caches may serve an older picture for an hour while they revalidate. */
const PICTURE_CACHE = 'public, max-age=60, stale-while-revalidate=3600';

/** The picture that social networks show with a link to a petition, and that of how it has grown. */
export const pictureRoutes =
  (
    ctx: Context,
    locales: Locales,
    metrics: Registry,
    fetching: FetchOptions = {},
  ): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    void app.register(growthRoutes(ctx, locales));
    const renderer = new Renderer({
      died: (error) => app.log.error({ error: describeError(error) }, 'the thread that draws pictures died'),
    });
    const pictureCache = new PictureCache(renderer, ctx.now);
    const campaigns = new CampaignPictures((url) => fetchPicture(url, fetching), ctx.now);
    watchPictures(metrics, renderer);
    app.addHook('onClose', () => renderer.close());

    app.get(
      '/v1/petitions/:petition/og.png',
      {
        schema: operation({
          operationId: 'getPetitionPicture',
          tag: 'Sharing',
          access: 'open',
          summary: 'Get the picture of a petition',
          description:
            'A PNG of 1200 × 630 pixels for `og:image`: title, count, progress to the next goal and lead organization, in the language of the petition and the colour of its organization, beside the picture of the petition, where that is a PNG or JPEG of at most 5 MB and 25 megapixels at a public https address. Changed texts appear at once, a new count within a minute. Emoji are left out, and so is a title in a script for which this server has no font (Chinese, Japanese, Korean, Thai and others). `locale` asks for a translation. All other query parameters are ignored, so that you can defeat the caches of networks.',
          params: PetitionPath,
          anyQuery: true,
          answers: {
            200: {
              description: 'The picture.',
              content: {
                'image/png': {
                  schema: Type.String({
                    format: 'binary',
                    contentMediaType: 'image/png',
                    description: 'A PNG.',
                    maxLength: 2_000_000,
                  }),
                },
              },
            },
            304: NOT_MODIFIED,
            308: MOVED,
          },
          errors: [
            'invalid_query',
            'petition_not_found',
            'petition_taken_down',
            'overloaded',
            'shutting_down',
          ],
        }),
      },
      async (request, reply) => {
        const { actor } = request;
        const { locale } = request.query as { locale?: unknown };
        const asked = closestTo(typeof locale === 'string' ? localeOf(locale) : null);
        const pictured = await findPictured(ctx.store.read, actor, request.params.petition, asked);
        const { petition, lead } = pictured;
        const { image } = petition;
        const { png, etag } = await pictureCache.show({
          id: `${petition.publicId} ${petition.locale}`,
          edition: `${petition.version} ${lead.color} ${lead.name}`,
          content: contentOf(pictured, locales, ctx.now()),
          ...(image ? { picture: () => campaigns.get(image.url) } : {}),
        });
        reply
          .header('etag', etag)
          .header('cache-control', actor.kind === 'secret' ? PRIVATE_CACHE : PICTURE_CACHE);
        if (isFresh(request, etag)) return reply.code(304).send();
        return reply.type('image/png').send(png);
      },
    );
    done();
  };

function watchPictures(registry: Registry, renderer: Renderer): void {
  new Gauge({
    name: 'pictures_waiting',
    help: 'Pictures that wait to be drawn, or are being drawn',
    registers: [registry],
    collect() {
      this.set(renderer.stats().waiting);
    },
  });
  new Counter({
    name: 'pictures_total',
    help: 'Pictures that this process has drawn, or failed to draw',
    labelNames: ['outcome'] as const,
    registers: [registry],
    collect() {
      const { drawn, failed } = renderer.stats();
      this.reset();
      this.inc({ outcome: 'drawn' }, drawn);
      this.inc({ outcome: 'failed' }, failed);
    },
  });
}
