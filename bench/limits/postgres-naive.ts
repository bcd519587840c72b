/** A naive endpoint on PostgreSQL: Fastify, pg, one durable transaction for each request. */
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import pg from 'pg';
import { uuidv7 } from 'uuidv7';
import { announce } from './http.js';
import { answer, type Signer } from './rows.js';

const [url = ''] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url, max: 10 });
const petition = (await pool.query<{ key: string }>('select key from petitions limit 1')).rows[0]?.key;

const SUPPORTER = `insert into supporters (public_id, identity, delivery, created_at) values ($1, $2, $2, $3)
  on conflict (identity) do nothing returning key`;
const KNOWN = 'select key from supporters where identity = $1';
const SIGNATURE = `insert into signatures (public_id, petition_key, supporter_key, status, display, name, country,
  created_at, confirmed_at) values ($1, ${petition}, $2, 'confirmed', $3, $4, $5, $6, $6) on conflict do nothing`;
const COUNT = `insert into petition_counts (petition_key, shard, pending, confirmed, invalidated, withdrawn, quarantined,
  updated_at) values (${petition}, 0, 0, 1, 0, 0, 0, $1)
  on conflict (petition_key, shard) do update set confirmed = petition_counts.confirmed + 1, updated_at = $1`;
const HISTORY = `insert into petition_history (petition_key, hour, shard, confirmed) values (${petition}, $1, 0, 1)
  on conflict (petition_key, hour, shard) do update set confirmed = petition_history.confirmed + 1`;

async function insert({ name, email, country, display }: Signer): Promise<void> {
  const client = await pool.connect();
  const run = (name: string, text: string, values: unknown[]) =>
    client.query<{ key: string }>({ name, text, values });
  const now = new Date();
  try {
    await client.query('begin');
    const { rows } = await run('supporter', SUPPORTER, [uuidv7(), email, now]);
    const supporter = (rows[0] ?? (await run('known', KNOWN, [email])).rows[0])?.key;
    const added = await run('signature', SIGNATURE, [uuidv7(), supporter, display, name, country, now]);
    if (added.rowCount === 1) {
      await run('count', COUNT, [now]);
      await run('history', HISTORY, [Math.floor(now.getTime() / 3_600_000)]);
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

const app = Fastify();
app.post('/v1/petitions/:petition/signatures', async (request, reply) => {
  await insert(request.body as Signer);
  return reply.code(202).type('application/json').send(answer);
});
await app.listen({ host: '127.0.0.1', port: 0 });
announce((app.server.address() as AddressInfo).port);
