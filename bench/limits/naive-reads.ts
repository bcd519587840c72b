/** Naive reading: Fastify and better-sqlite3, with a query for each request. */
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { announce } from './http.js';
import { openReads } from './reads.js';

const [file = ''] = process.argv.slice(2);
const reads = openReads(file);
const app = Fastify();

type Asked = { Params: { petition: string }; Querystring: { limit?: string } };
const answer = (found: unknown) => found ?? { status: 404 };

app.get<Asked>('/v1/petitions/:petition', async ({ params }) => answer(reads.petition(params.petition)));
app.get<Asked>('/v1/petitions/:petition/counts', async ({ params }) => answer(reads.counts(params.petition)));
app.get<Asked>('/v1/petitions/:petition/signatures', async ({ params, query }) =>
  answer(reads.signatures(params.petition, Number(query.limit ?? 20))),
);

await app.listen({ host: '127.0.0.1', port: 0 });
announce((app.server.address() as AddressInfo).port);
