import { drizzle } from 'drizzle-orm/node-postgres';
import type pg from 'pg';
import type { Ask } from './gathering/set-based.js';
import type { Db } from './store.js';

/** More shards than a process has connections, so that several processes rarely write the same row. */
const SHARDS = 64;

const builder = (client: Pick<pg.PoolClient, 'query'>): Db =>
  drizzle(client as pg.PoolClient, { casing: 'snake_case' });

/**
 * A connection for concurrent callers: it sends their queries one after the other, since pg warns about overlapping
 * ones.
 */
export class SerialConnection {
  readonly db: Db;
  /**
   * The transaction's first error, after which the transaction is lost even if the caller caught it. `commit` does not
   * show that: PostgreSQL silently rolls back.
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

type Connection = { db: Db; shard: number; orderly: SerialConnection };

/** Keeps for each connection of the pool its query builders (so that statements stay prepared) and its shard. */
export class Connections {
  #known = new WeakMap<pg.PoolClient, Connection>();
  #next = Math.floor(Math.random() * SHARDS);

  of(client: pg.PoolClient): Connection {
    let connection = this.#known.get(client);
    if (!connection) {
      connection = {
        db: builder(client),
        shard: this.#next++ % SHARDS,
        orderly: new SerialConnection(client),
      };
      this.#known.set(client, connection);
    }
    return connection;
  }
}
