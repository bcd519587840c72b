import { readFile } from 'node:fs/promises';
import { constants, gzipSync } from 'node:zlib';
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import { EmbedWords, EmbedWordsPath } from '../../../schema/api/petitions/embed.js';
import { ApiError } from '../../errors.js';
import type { Locales } from '../../mail/locales.js';
import { packageRoot } from '../../package.js';
import { NOT_MODIFIED } from '../answers.js';
import { etagOf, isFresh, sendWithEtag, takesGzip } from '../conditional.js';
import { operation } from '../openapi/operation.js';

/** Every page that embeds a petition asks for them: an hour is what a mistake in them lasts. */
const CACHE = 'public, max-age=3600, stale-while-revalidate=86400';

/** What `npm run build` makes of src/embed. */
const SCRIPT = new URL('dist/embed/v1.js', packageRoot);

type Script = { bytes: Buffer; packed: Buffer; etag: string };

/** The widget that partners put into their pages: its code and its words. What it calls is the API, like everybody. */
export const embedRoutes =
  (locales: Locales, file: URL = SCRIPT): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    let script: Script | undefined;
    const load = async (): Promise<Script> => {
      const bytes = await readFile(file);
      // Once, and as small as it gets: it is the same for everybody.
      const packed = gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION });
      return (script = { bytes, packed, etag: etagOf(bytes) });
    };

    app.get(
      '/embed/v1.js',
      {
        // Packed once, when it is read.
        compress: false,
        schema: operation({
          operationId: 'getEmbedScript',
          tag: 'Sharing',
          access: 'service',
          summary: 'Read the widget',
          description:
            'The script behind `<undersigned-petition slug="…" key="pk_…">`: a form to sign the petition, in any page. It sets no cookies, stores nothing, and calls nobody but this server.',
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
      async (request, reply) => {
        const { bytes, packed, etag } =
          script ??
          (await load().catch(() => {
            request.log.error('the widget was not built: run npm run build');
            throw new ApiError('not_found', { detail: 'The widget was not built on this server.' });
          }));
        reply.headers({ etag, 'cache-control': CACHE, vary: 'accept-encoding' });
        if (isFresh(request, etag)) return reply.code(304).send();
        reply.type('text/javascript; charset=utf-8');
        return takesGzip(request) ? reply.header('content-encoding', 'gzip').send(packed) : reply.send(bytes);
      },
    );

    app.get(
      '/embed/v1/words/:locale.json',
      {
        schema: operation({
          operationId: 'getEmbedWords',
          tag: 'Sharing',
          access: 'service',
          summary: 'Read the words of the widget',
          description: 'In the closest language that there is: `pt-BR`, else `pt`, else English.',
          params: EmbedWordsPath,
          answers: { 200: EmbedWords, 304: NOT_MODIFIED },
          // A path that names no file of ours, as one with a line break in it.
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
