/** B0: a naive endpoint. Fastify, better-sqlite3, one durable transaction for each request. */
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { announce } from './http.js';
import { answer, openRows, type Signer } from './rows.js';

const [file = ''] = process.argv.slice(2);
const rows = openRows(file);
const app = Fastify();

app.post('/v1/petitions/:petition/signatures', async (request, reply) => {
  rows.insert([request.body as Signer]);
  return reply.code(202).type('application/json').send(answer);
});

// While it waits for the disk it accepts no connections: a thousand would overflow the default backlog.
await app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
announce((app.server.address() as AddressInfo).port);
