import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { WordList, WordListInput } from '../../../schema/api/brakes/word-lists.js';
import { getWordList, replaceWordList, type WordList as List } from '../../core/brakes/word-lists.js';
import type { Context } from '../../core/context.js';
import { NOT_MODIFIED, PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { operation } from '../openapi/operation.js';

const toWordList = ({ words, updatedAt }: List) => ({ words, updated_at: iso(updatedAt) });

export const wordListRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/organization/word-list',
      {
        config: { scope: 'signatures:moderate' },
        schema: operation({
          operationId: 'getWordList',
          tag: 'Organization',
          access: 'secret',
          summary: 'Read your list of words',
          description: 'The words that keep a signature on your petitions waiting for you; empty at first.',
          answers: { 200: WordList, 304: NOT_MODIFIED },
        }),
      },
      async (request, reply) => {
        const list = await getWordList(ctx.store.read, keyed(request));
        return sendWithEtag(request, reply, PRIVATE_CACHE, toWordList(list));
      },
    );

    app.put(
      '/v1/organization/word-list',
      {
        config: { scope: 'signatures:moderate' },
        schema: operation({
          operationId: 'updateWordList',
          tag: 'Organization',
          access: 'secret',
          summary: 'Replace your list of words',
          description:
            'From now on, a signature on a petition of yours whose name or comment has one of these words is quarantined with the signal `listed_word`, until you release or refuse it. Its signer gets the same answer as all others. Imported rows are quarantined too, with a warning; signatures that you vouch for one by one are not. Signatures from before stay as they are.',
          body: WordListInput,
          answers: { 200: WordList },
        }),
      },
      async (request, reply) => {
        const list = await replaceWordList(ctx, keyed(request), request.body.words);
        return reply.header('cache-control', PRIVATE_CACHE).send(toWordList(list));
      },
    );
    done();
  };
