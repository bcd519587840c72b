import pg from 'pg';
import type { Test } from 'tap';
import { startPostgres, type PostgresServer } from '../../scripts/postgres.js';
import { migrateStore } from '../../src/store/open.js';

/** The place in the log that is asked for is that of what is written: nothing may be acknowledged before. */
const ACKNOWLEDGED = { synchronous_commit: 'on' };

export type Pair = {
  primary: PostgresServer;
  standby: PostgresServer;
  /** Asks the standby. */
  onStandby: (sql: string) => Promise<Record<string, unknown>[]>;
};

export async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** A primary, migrated, and a standby that follows it; undefined without PostgreSQL. */
export async function startPair(t: Test): Promise<Pair | undefined> {
  if (!process.env['TEST_POSTGRES_URL']) return undefined;
  const primary = await startPostgres(ACKNOWLEDGED);
  if (!primary) return undefined;
  t.teardown(() => primary.stop());
  await migrateStore(primary.url);
  const { hostname, port, username } = new URL(primary.url);
  const standby = await startPostgres(
    {
      primary_conninfo: `host=${hostname} port=${port} user=${username}`,
      wal_retrieve_retry_interval: '200ms',
    },
    primary.url,
  );
  if (!standby) return undefined;
  t.teardown(() => standby.stop());
  return { primary, standby, onStandby: (sql) => ask(standby.url, sql) };
}
