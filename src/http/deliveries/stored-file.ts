import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DeliveryFileFound } from '../../core/deliveries/files.js';
import { ApiError } from '../../errors.js';
import { PRIVATE_CACHE } from '../answers.js';
import { endStalled } from '../slow-clients.js';

const TYPES: Readonly<Record<string, string>> = {
  pdf: 'application/pdf',
  csv: 'text/csv',
  json: 'application/json',
  zip: 'application/zip',
};
const OTHER = 'application/octet-stream';

export const MEDIA_TYPES = [...Object.values(TYPES), OTHER];

const STALL_MS = 30_000;

/** Sends a file of a delivery from its folder. To HEAD, the headers alone. Throws `delivery_files_gone`. */
export async function sendStored(
  request: FastifyRequest,
  reply: FastifyReply,
  root: string,
  { folder, name, bytes }: DeliveryFileFound,
): Promise<FastifyReply> {
  const file = await open(join(root, folder, name)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new ApiError('delivery_files_gone', { detail: 'This server does not have it.' });
  });
  reply
    .type(TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? OTHER)
    .header('cache-control', PRIVATE_CACHE)
    .header('content-length', bytes)
    .header('content-disposition', `attachment; filename="${name}"`)
    .header('x-content-type-options', 'nosniff');
  if (request.method === 'HEAD') {
    await file.close();
    return reply.send('');
  }
  endStalled(reply.raw, STALL_MS);
  return reply.send(file.createReadStream());
}
