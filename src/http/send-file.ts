import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PRIVATE_CACHE } from './answers.js';
import { CSV, NDJSON } from './openapi/line-files.js';
import { endStalled } from './slow-clients.js';

const TYPES = { csv: `${CSV}; charset=utf-8`, ndjson: NDJSON } as const;

export type SentFile = {
  name: string;
  format: keyof typeof TYPES;
  text: AsyncIterable<string>;
  /** How long a client may read nothing before its connection is closed. */
  stallMs: number;
};

/** Sends a file as it is written. To HEAD, the headers alone. */
export function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  { name, format, text, stallMs }: SentFile,
): FastifyReply {
  reply
    .type(TYPES[format])
    .header('cache-control', PRIVATE_CACHE)
    .header('content-disposition', `attachment; filename="${name}"`);
  if (request.method === 'HEAD') return reply.send('');
  endStalled(reply.raw, stallMs);
  return reply.send(Readable.from(text, { objectMode: false }));
}
