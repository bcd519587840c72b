import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { CountsByPath, PetitionCountsBy } from '../../../schema/api/counts/counts-by.js';
import { ANONYMOUS, type Actor } from '../../core/actor.js';
import type { Context } from '../../core/context.js';
import { readCells, type Dimension } from '../../core/counts/cells.js';
import { readToldCells, type ToldCells } from '../../core/counts/published-cells.js';
import { seesCells } from '../../core/partners/shown-counts.js';
import { findHead } from '../../core/petitions/petition-lookup.js';
import type { Reader } from '../../store/store.js';
import { MOVED, NOT_MODIFIED, PRIVATE_CACHE, PUBLIC_CACHING } from '../answers.js';
import { iso } from '../case.js';
import { etagOf, sendWithEtag } from '../conditional.js';
import { HotAnswers } from '../front/hot-answers.js';
import { operation } from '../openapi/operation.js';
import { rendered } from '../published.js';

function toCountsBy(by: Dimension, exact: boolean, { total, cells, at }: ToldCells): PetitionCountsBy {
  const named = cells.filter(({ country, region, source }) => country || region || source);
  const shown = cells.reduce((sum, { confirmed }) => sum + confirmed, 0);
  const known = named.reduce((sum, { confirmed }) => sum + confirmed, 0);
  return {
    by,
    exact,
    as_of: iso(at),
    total,
    data: named.map(({ country, region, source, confirmed }) => ({
      country: country || null,
      region: region || null,
      source: source || null,
      confirmed,
    })),
    unknown: shown - known,
    other: total - shown,
  };
}

async function read(on: Reader, actor: Actor, ref: string, by: Dimension): Promise<PetitionCountsBy> {
  const petition = await findHead(on, actor, ref);
  if (!(await seesCells(on, actor, petition))) {
    return toCountsBy(by, false, await readToldCells(on, petition.key, by));
  }
  return toCountsBy(by, true, { ...(await readCells(on, petition.key, by)), at: null });
}

export const countsByRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const hot = new HotAnswers(ctx, app);
    const render = async (on: Reader, ref: string, by: Dimension) => {
      const body = JSON.stringify(await read(on, ANONYMOUS, ref, by));
      return { body, etag: etagOf(body), until: null };
    };

    app.get(
      '/v1/petitions/:petition/counts/by/:dimension',
      {
        schema: operation({
          operationId: 'getPetitionCountsBy',
          tag: 'Counts',
          access: 'open',
          summary: 'Read the counts by country, region or source',
          description:
            'Confirmed signatures that were made here, by what they say. The lead organization reads all of them. Everyone else reads nothing that would tell where one of fewer than five people belongs: smaller numbers are together in `other`, and so are changes by fewer than five since a number was last told. They change at most once a minute.',
          params: CountsByPath,
          answers: { 200: PetitionCountsBy, 304: NOT_MODIFIED, 308: MOVED },
          sends: ['Age'],
          errors: ['petition_not_found', 'petition_taken_down'],
        }),
      },
      async (request, reply) => {
        const { actor } = request;
        const { petition, dimension } = request.params;
        if (actor.kind !== 'anonymous') {
          return sendWithEtag(
            request,
            reply,
            PRIVATE_CACHE,
            await read(ctx.store.read, actor, petition, dimension),
          );
        }
        const published = () => rendered(ctx.store.published((on) => render(on, petition, dimension)));
        return hot.send(request, reply, {
          ref: `${dimension} ${petition}`,
          caching: PUBLIC_CACHING,
          render: published,
        });
      },
    );
    done();
  };
