import pg from 'pg';
import { assertMigrated, migratePostgres, postgresMigrations, UNFINISHED } from '../migrate.js';
import { isPooled } from '../postgres-pooler.js';
import { assertFree, CHUNK, quoted, type CopyEnd, type CopyTarget } from './end.js';
import { decode, encode, keyColumns, keyNames, type CopyTable } from './tables.js';

/** The ASCII codes of "COPY". Nothing else may lock this number. */
const COPY_LOCK = 0x434f5059;
const BYTEA = 17;

type Parse = (text: string) => unknown;

/** Everything but bytea is read as text; the columns decode it. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number): Parse =>
    oid === BYTEA ? (pg.types.getTypeParser(oid) as Parse) : (text) => text) as typeof pg.types.getTypeParser,
};

/** The key in the order of SQLite: texts are ordered by their bytes, whatever the database's locale. */
const ordered = (table: CopyTable): string[] =>
  keyNames(table).map((name, i) => {
    const isText = keyColumns(table, 'postgres')[i]?.getSQLType() === 'text';
    return isText ? `"${name}" collate "C"` : `"${name}"`;
  });

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'undersigned copy' });
  // The query that uses the connection fails as well.
  client.on('error', () => undefined);
  await client.connect();
  return orEnd(client, async () => {
    // Settings and locks would stay behind in a session that others get; and servers behind a pooler cannot be seen.
    if (await isPooled(client)) throw new Error('a pooler is between: name the PostgreSQL server itself');
    await client.query(`set statement_timeout = 0; set idle_in_transaction_session_timeout = 0;
    set timezone = 'UTC'; set datestyle = 'ISO'`);
    return client;
  });
}

/** Closes the connection if `first` fails. */
async function orEnd<T>(client: pg.Client, first: () => Promise<T>): Promise<T> {
  try {
    return await first();
  } catch (error) {
    await client.end();
    throw error;
  }
}

/** Throws if one of our servers is connected to the database, even if it is idle. */
async function assertNoServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    `select 1 from pg_stat_activity where datname = current_database() and application_name = 'undersigned'`,
  );
  if (rows.length > 0) throw new Error('a server is connected to the PostgreSQL database: stop it first');
}

/** Reads chunks through a cursor, so a transaction must be open. */
const endOf = (client: pg.Client): CopyEnd => ({
  count: async ({ name }) => {
    const { rows } = await client.query<{ count: string }>(`select count(*) from "${name}"`);
    return Number(rows[0]?.count);
  },
  async *chunks(table, after) {
    const key = ordered(table).join(', ');
    const values = after ? encode(keyColumns(table, 'postgres'), after) : [];
    const where = after ? `where (${key}) > (${values.map((_, i) => `$${i + 1}`).join(', ')})` : '';
    await client.query(
      `declare reading no scroll cursor for
        select ${quoted(table.columns)} from "${table.name}" ${where} order by ${key}`,
      values,
    );
    try {
      for (;;) {
        const text = `fetch ${CHUNK} from reading`;
        const { rows } = await client.query<unknown[]>({ text, rowMode: 'array', types });
        if (rows.length === 0) return;
        yield rows.map((row) => decode(table.on.postgres, row));
      }
    } finally {
      // After an error the cursor no longer exists.
      await client.query('close reading').catch(() => undefined);
    }
  },
  close: () => client.end(),
});

/** Opens a source. Everything is read from one snapshot, which the first query takes. */
export async function openPostgresSource(url: string): Promise<CopyEnd> {
  const client = await connect(url);
  return orEnd(client, async () => {
    await assertNoServer(client);
    await client.query('begin isolation level repeatable read read only');
    assertMigrated(await postgresMigrations(client));
    return endOf(client);
  });
}

/**
 * Opens a target, empty or with what an earlier copy has left, and marks it as unfinished. Throws if another copy
 * writes to it.
 */
export async function openPostgresTarget(url: string, tables: readonly CopyTable[]): Promise<CopyTarget> {
  const client = await connect(url);
  return orEnd(client, async () => {
    await assertNoServer(client);
    const { rows } = await client.query<{ free: boolean }>('select pg_try_advisory_lock($1) as free', [
      COPY_LOCK,
    ]);
    if (!rows[0]?.free) throw new Error('another copy writes into the PostgreSQL database');
    const found = await client.query<{ name: string }>(
      'select tablename as name from pg_tables where schemaname = current_schema()',
    );
    await assertFree(tables, UNFINISHED, {
      tables: found.rows.map(({ name }) => name),
      hasRows: async (name) => (await client.query(`select 1 from "${name}" limit 1`)).rows.length > 0,
    });
    await migratePostgres(client);
    await client.query(`create table if not exists ${UNFINISHED} (mark integer)`);
    return targetOf(client);
  });
}

function targetOf(client: pg.Client): CopyTarget {
  const end = endOf(client);
  return {
    ...end,
    async *chunks(table, after) {
      await client.query('begin read only');
      try {
        yield* end.chunks(table, after);
      } finally {
        await client.query('rollback');
      }
    },
    lastKey: async (table) => {
      const latestFirst = ordered(table).map((name) => `${name} desc`);
      const text = `select ${quoted(keyNames(table))} from "${table.name}" order by ${latestFirst.join(', ')} limit 1`;
      const { rows } = await client.query<unknown[]>({ text, rowMode: 'array', types });
      return rows[0] && decode(keyColumns(table, 'postgres'), rows[0]);
    },
    // One statement, hence one commit; one array per column, for any number of rows.
    write: async (table, rows) => {
      const { name, columns, on } = table;
      const arrays = on.postgres.map((column, i) => `$${i + 1}::${column.getSQLType()}[]`);
      const encoded = rows.map((row) => encode(on.postgres, row));
      await client.query({
        name: `copy_${name}`,
        text: `insert into "${name}" (${quoted(columns)}) select * from unnest(${arrays.join(', ')})`,
        values: columns.map((_, i) => encoded.map((row) => row[i])),
      });
    },
    empty: async (tables) => void (await client.query(`truncate ${quoted(tables.map(({ name }) => name))}`)),
    settle: async (tables) => {
      for (const { name, identity } of tables) {
        if (identity === undefined) continue;
        await client.query(
          `select setval(pg_get_serial_sequence($1, $2), coalesce(max("${identity}"), 1), max("${identity}") is not null)
           from "${name}"`,
          [name, identity],
        );
      }
      await client.query('analyze');
    },
    complete: async () => void (await client.query(`drop table ${UNFINISHED}`)),
  };
}
