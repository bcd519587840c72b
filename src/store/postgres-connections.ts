import { drizzle } from 'drizzle-orm/node-postgres';
import type pg from 'pg';
import type { Ask } from './gathering/set-based.js';
import type { Db } from './store.js';

/** More rows than one process has connections, so that several processes seldom meet on one. */
const SHARDS = 64;

const builder = (client: Pick<pg.PoolClient, 'query'>): Db =>
  drizzle(client as pg.PoolClient, { casing: 'snake_case' });

/** A connection that many may ask at the same time: it sends one query after the other. pg warns when queries overlap. */
export class Orderly {
  readonly db: Db;
  /**
   * The first error of the transaction: after one it is lost, whoever has heard of it. `commit` does not say so: PostgreSQL
   * answers it with a quiet rollback.
   */
  failure: { error: unknown } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly client: pg.PoolClient) {
    this.db = builder({ query: this.ask as unknown as pg.PoolClient['query'] });
  }

  ask: Ask = (...query) => {
    const answer = this.#last.then(() => this.client.query(...(query as unknown as [pg.QueryArrayConfig])));
    this.#last = answer.catch((error: unknown) => (this.failure ??= { error }));
    return answer as ReturnType<Ask>;
  };
}

type Connection = { db: Db; shard: number; orderly: Orderly };

/** Remembers, for each connection of the pool, its query builders (so that statements stay prepared) and its shard. */
export class Connections {
  #known = new WeakMap<pg.PoolClient, Connection>();
  #next = Math.floor(Math.random() * SHARDS);

  of(client: pg.PoolClient): Connection {
    let connection = this.#known.get(client);
    if (!connection) {
      connection = { db: builder(client), shard: this.#next++ % SHARDS, orderly: new Orderly(client) };
      this.#known.set(client, connection);
    }
    return connection;
  }
}
