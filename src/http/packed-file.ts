import { readFile } from 'node:fs/promises';
import { constants, gzipSync } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../errors.js';
import { etagOf } from './conditional.js';
import type { Keep } from './front/behind-workers.js';
import { choose, type Choices } from './front/choices.js';
import { finished } from './front/send-now.js';
import { operationOf } from './request-times.js';

/**
 * Serves a script that `npm run build` makes. It is read and compressed once, at the first request; its route must set
 * `compress: false`, be in the `service` block, and take any query. Throws `not_found` where it was not built.
 */
export function packedFile(app: FastifyInstance, file: URL, what: string, cache: string) {
  let read: Choices | undefined;
  const load = async (): Promise<Choices> => {
    const bytes = await readFile(file);
    const etag = etagOf(bytes);
    const headers = ['etag', etag, 'cache-control', cache, 'vary', 'accept-encoding'];
    const whole = [...headers, 'content-type', 'text/javascript; charset=utf-8'];
    const packed = gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION });
    const zipped = finished(app.constant, 200, [...whole, 'content-encoding', 'gzip'], packed);
    return (read = {
      etag,
      whole: finished(app.constant, 200, whole, bytes),
      zipped: () => zipped,
      unchanged: finished(app.constant, 304, headers, ''),
    });
  };
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const choices =
      read ??
      (await load().catch(() => {
        request.log.error(`${what} was not built: run npm run build`);
        throw new ApiError('not_found', { detail: `${what} was not built on this server.` });
      }));
    const [path = ''] = request.url.split('?', 1);
    const operation = operationOf(request);
    const keep: Keep = { operation, until: null, isFixed: true, limit: 'service', anyQuery: true };
    app.front.keep(path, {
      operation,
      find: ({ tags, encodings }) => choose(choices, tags, encodings),
      limit: 'service',
      isShared: true,
      keep: () => keep,
      anyQuery: true,
    });
    const { headers } = request;
    reply.sendFinished(choose(choices, headers['if-none-match'], headers['accept-encoding']), keep);
  };
}
