import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { PostgresServer } from '../../scripts/postgres.js';
import { startDurablePostgres } from '../stage.js';
import { openLink } from './link.js';

const PATIENCE_MS = 20_000;

export type Pair = {
  primary: PostgresServer;
  standby: PostgresServer;
  /** The DATABASE_URL with both servers. */
  url: string;
  promote(): Promise<void>;
  /** Waits until the standby is up to date and, if synchronous, confirms every commit. */
  joined(): Promise<void>;
  stop(): Promise<void>;
};

export async function query<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** Starts a primary and its standby. Throws where PostgreSQL is not installed. */
export async function startPair(synchronous: boolean, lagMs: number): Promise<Pair> {
  const primary = await startDurablePostgres();
  const link = await openLink(Number(new URL(primary.url).port), lagMs);
  let standby: PostgresServer | undefined;
  const stop = async () => {
    await standby?.stop();
    await primary.stop();
    link.close();
  };
  try {
    const conninfo = `host=127.0.0.1 port=${link.port} user=postgres application_name=standby`;
    const settings = { primary_conninfo: conninfo, wal_retrieve_retry_interval: '200ms' };
    standby = await startDurablePostgres(settings, primary.url);
    if (synchronous) {
      await query(primary.url, "alter system set synchronous_standby_names = 'standby'");
      await query(primary.url, 'select pg_reload_conf()');
    }
    const { host, pathname } = new URL(primary.url);
    const joined = () => replicates(primary.url, synchronous ? 'sync' : 'async');
    await joined();
    return {
      primary,
      standby,
      url: `postgres://postgres@${host},${new URL(standby.url).host}${pathname}?target_session_attrs=read-write`,
      promote: async () => void (await query(standby?.url ?? '', 'select pg_promote(true, 30)')),
      joined,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function replicates(url: string, state: 'sync' | 'async'): Promise<void> {
  for (const from = Date.now(); Date.now() - from < PATIENCE_MS; await sleep(50)) {
    const rows = await query(
      url,
      "select 1 from pg_stat_replication where state = 'streaming' and sync_state = $1",
      [state],
    );
    if (rows.length > 0) return;
  }
  throw new Error('the standby does not follow the primary');
}
