import { readFile } from 'node:fs/promises';
import { constants, gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../errors.js';
import { etagOf, isFresh, takesGzip } from './conditional.js';

type Packed = { bytes: Buffer; packed: Buffer; etag: string };

/**
 * Serves a script that `npm run build` makes. It is read and compressed once, at the first request; its route must set
 * `compress: false`. Throws `not_found` where it was not built.
 */
export function packedFile(file: URL, what: string) {
  let read: Packed | undefined;
  const load = async (): Promise<Packed> => {
    const bytes = await readFile(file);
    const packed = gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION });
    return (read = { bytes, packed, etag: etagOf(bytes) });
  };
  return async (request: FastifyRequest, reply: FastifyReply, cache: string) => {
    const { bytes, packed, etag } =
      read ??
      (await load().catch(() => {
        request.log.error(`${what} was not built: run npm run build`);
        throw new ApiError('not_found', { detail: `${what} was not built on this server.` });
      }));
    reply.headers({ etag, 'cache-control': cache, vary: 'accept-encoding' });
    if (isFresh(request, etag)) return reply.code(304).send();
    reply.type('text/javascript; charset=utf-8');
    return takesGzip(request.headers['accept-encoding'])
      ? reply.header('content-encoding', 'gzip').send(packed)
      : reply.send(bytes);
  };
}
