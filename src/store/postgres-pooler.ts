import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { describeError } from '../errors.js';
import { PrimaryClient } from './primary.js';

/*
 * Behind a pooler that pools transactions (pgbouncer's `pool_mode = transaction`) each transaction may run on another
 * session of PostgreSQL, and what one leaves there another finds, whoever sent it. So no statement is named, limits are
 * set within transactions, and what needs a session has a URL of its own. A pooler that was not declared is found, since
 * it would go wrong under load alone: `set synchronous_commit = off` of one connection would be that of signers.
 */

const CONNECT_MS = 5000;

const POOLS_TRANSACTIONS =
  'DATABASE_URL leads to a pooler that pools transactions: set POSTGRES_POOLER=transaction, see docs/scaling.md';
const REFUSES_TIMEOUTS =
  'DATABASE_URL leads to a pooler that refuses statement_timeout: set POSTGRES_POOLER=transaction, or see docs/scaling.md for one that pools sessions';
const NOT_DIRECT = 'DATABASE_DIRECT_URL leads to a pooler: it must lead to PostgreSQL itself';
const ELSEWHERE = 'DATABASE_DIRECT_URL leads to another database than DATABASE_URL';

/** What a transaction begins with, since its session may have no such limits. */
export const limitsOf = (ms: number): string =>
  `; set local statement_timeout = ${ms}; set local idle_in_transaction_session_timeout = ${ms}`;

/** Has a connection send its statements without names: the next one may go where the name is unknown, or another's. */
export function unname(client: pg.PoolClient): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  const nameless = (first: unknown, ...rest: unknown[]) =>
    query(
      typeof first === 'object' && first !== null && 'name' in first ? { ...first, name: undefined } : first,
      ...rest,
    );
  client.query = nameless as typeof client.query;
}

type Queries = Pick<pg.ClientBase, 'query'>;

async function sessionOf(client: Queries): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}

/** Whether a pooler answers in PostgreSQL's place: it tells clients other process ids than the sessions have. */
export const isPooled = async (client: Queries): Promise<boolean> =>
  (await sessionOf(client)) !== (client as unknown as { processID: number }).processID;

async function connected<T>(
  url: string,
  use: (client: pg.Client) => Promise<T>,
  variable = 'DATABASE_URL',
): Promise<T> {
  const client = new PrimaryClient({ connectionString: url, connectionTimeoutMillis: CONNECT_MS });
  client.on('error', () => undefined);
  try {
    // Without the driver's message, which may hold more than the code.
    await client.connect().catch((error: unknown) => {
      const { code = 'no answer' } = describeError(error) as { code?: string };
      throw new Error(`the database of ${variable} cannot be used (${code})`);
    });
    return await use(client);
  } finally {
    void client.end().catch(() => undefined);
  }
}

/** Throws unless a connection keeps its session: it has the same one each time, and no other connection has it. */
async function assertSession(client: Queries, url: string): Promise<void> {
  const own = await sessionOf(client);
  const others = await connected(url, async (other) => [await sessionOf(other)]);
  const later = [await sessionOf(client), await sessionOf(client)];
  if (others.includes(own) || later.some((pid) => pid !== own)) throw new Error(POOLS_TRANSACTIONS);
}

/** Throws unless the session limits statements: a pooler does not pass on what a connection asks for. */
async function assertLimits(client: Queries, names: readonly string[], ms: number): Promise<void> {
  const { rows } = await client.query<{ name: string; value: number; role: string }>(
    'select name, setting::int as value, current_user as role from pg_settings where name = any($1)',
    [names],
  );
  const unlimited = rows.find(({ value }) => value === 0 || value > ms);
  if (!unlimited) return;
  const { name, role } = unlimited;
  throw new Error(
    `Behind the pooler ${name} is not at most ${ms} ms: alter role "${role}" set ${name} = ${ms}, and reconnect the pooler`,
  );
}

/** Throws, with what to do, if what is between this process and PostgreSQL is not what was declared. */
export async function assertPooler(
  client: Queries,
  url: string,
  { pooler, statementTimeoutMs: ms }: { pooler?: 'transaction' | undefined; statementTimeoutMs: number },
): Promise<void> {
  if (pooler === 'transaction') return assertLimits(client, ['statement_timeout'], ms);
  if (!(await isPooled(client))) return;
  await assertSession(client, url);
  await assertLimits(client, ['statement_timeout', 'idle_in_transaction_session_timeout'], ms);
}

/** A pooler's answer to a parameter that it does not know, with what to do; every other error as it is. */
export const explainStart = (error: unknown): unknown =>
  error instanceof Error && /unsupported startup parameter/.test(error.message)
    ? new Error(REFUSES_TIMEOUTS)
    : error;

/**
 * Throws unless `directUrl` leads to PostgreSQL without a pooler, and to the same database on the same server: what one
 * connection locks the other must find locked.
 */
export async function assertDirect(url: string, directUrl: string): Promise<void> {
  const compare = async (direct: pg.Client) => {
    if (await isPooled(direct)) throw new Error(NOT_DIRECT);
    const name = String(randomBytes(8).readBigInt64BE());
    await direct.query('select pg_advisory_lock($1)', [name]);
    await connected(url, async (other) => {
      const { rows } = await other.query<{ free: boolean }>('select pg_try_advisory_xact_lock($1) as free', [
        name,
      ]);
      if (rows[0]?.free) throw new Error(ELSEWHERE);
    });
  };
  await connected(directUrl, compare, 'DATABASE_DIRECT_URL');
}
