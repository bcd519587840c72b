import { PrimaryClient } from './primary.js';

const CONNECT_MS = 5000;

export type PostgresState = {
  /** Such as `17.5`; `major`: 17. */
  version: string;
  major: number;
  /** What its clock is ahead of this one, in milliseconds. */
  ahead: number;
  /** Settings that could lose acknowledged commits in a power cut, as `fsync = off`. */
  unsafe: string[];
  /** Connections that are left for ordinary users, with those that Undersigned has already. */
  connections: number;
  encrypted: boolean;
};

const STATE = `select current_setting('server_version') as version,
  current_setting('server_version_num')::int / 10000 as major,
  clock_timestamp() as at,
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - (select count(*)::int from pg_stat_activity
       where backend_type = 'client backend' and pid <> pg_backend_pid()
         and not (application_name = 'undersigned' and datname = current_database())) as connections,
  coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as encrypted,
  array(select name || ' = ' || setting from pg_settings
    where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off' order by name) as unsafe`;

/** What a PostgreSQL says about itself. Rejects if it cannot be reached. */
export async function postgresState(connectionString: string): Promise<PostgresState> {
  const client = new PrimaryClient({ connectionString, connectionTimeoutMillis: CONNECT_MS });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const from = Date.now();
    const { rows } = await client.query<Omit<PostgresState, 'ahead'> & { at: Date }>(STATE);
    const [row] = rows;
    if (!row) throw new Error('PostgreSQL says nothing about itself');
    const { at, ...state } = row;
    return { ...state, ahead: at.getTime() - (from + Date.now()) / 2 };
  } finally {
    await client.end();
  }
}
