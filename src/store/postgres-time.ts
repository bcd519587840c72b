import { PrimaryClient } from './primary.js';

const CONNECT_MS = 5000;

/** The time by the clock of a PostgreSQL. */
export async function databaseTime(connectionString: string): Promise<Date> {
  const client = new PrimaryClient({ connectionString, connectionTimeoutMillis: CONNECT_MS });
  await client.connect();
  try {
    const { rows } = await client.query<{ at: Date }>('select clock_timestamp() as at');
    return rows[0]?.at ?? new Date(NaN);
  } finally {
    await client.end();
  }
}
