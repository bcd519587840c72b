import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import { EmbedTranslation, EmbedTranslationPath } from '../../../schema/api/petitions/embed.js';
import type { Locales } from '../../mail/locales.js';
import { packageRoot } from '../../package.js';
import { NOT_MODIFIED } from '../answers.js';
import { sendWithEtag } from '../conditional.js';
import { operation } from '../openapi/operation.js';
import { packedFile } from '../packed-file.js';

/** Every page with the widget loads the script and a translation. A fixed mistake reaches browsers within the hour. */
const CACHE = 'public, max-age=3600, stale-while-revalidate=86400';

/** `npm run build` makes it from src/embed. */
const SCRIPT = new URL('dist/embed/v1.js', packageRoot);

/** Serves the widget that partners put into their pages: its script and its translations. */
export const embedRoutes =
  (locales: Locales, file: URL = SCRIPT): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const sendScript = packedFile(app, file, 'The widget', CACHE);

    app.get(
      '/embed/v1.js',
      {
        // packedFile compresses it once.
        compress: false,
        schema: operation({
          operationId: 'getEmbedScript',
          anyQuery: true,
          tag: 'Sharing',
          access: 'service',
          summary: 'Read the widget',
          description:
            'The script behind `<undersigned-petition slug="…" key="pk_…">`: a form to sign the petition, in any page. It sets no cookies, stores nothing, and calls no server but this one.',
          answers: {
            200: {
              description: 'The script.',
              content: {
                'text/javascript': {
                  schema: Type.String({
                    maxLength: 200_000,
                    pattern: '^[^\\u0000]*$',
                    description: 'For browsers.',
                  }),
                },
              },
            },
            304: NOT_MODIFIED,
          },
          errors: ['not_found'],
        }),
      },
      sendScript,
    );

    app.get(
      '/embed/v1/words/:locale.json',
      {
        schema: operation({
          operationId: 'getEmbedTranslation',
          tag: 'Sharing',
          access: 'service',
          summary: 'Read the texts of the widget',
          description: 'In the closest available language: `pt-BR`, else `pt`, else English.',
          params: EmbedTranslationPath,
          answers: { 200: EmbedTranslation, 304: NOT_MODIFIED },
          // For paths that the route's pattern does not match, such as one with a line break.
          errors: ['not_found'],
        }),
      },
      async (request, reply) => {
        const { locale, dir, embed } = locales.pick(request.params.locale);
        return sendWithEtag(request, reply, CACHE, { locale, dir, words: embed });
      },
    );
    done();
  };
