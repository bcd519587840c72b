import type { Test } from 'tap';
import { startPgbouncer, type Pgbouncer } from '../../scripts/pgbouncer.js';
import { engines, type Engine } from './helper.js';

/*
 * pgbouncer in front of the PostgreSQL of the tests.
 *
 * REQUIRE_PGBOUNCER=1  fail, rather than skip the tests, when it is not installed
 */

export type Pooled = {
  pgbouncer: Pgbouncer;
  /** Leads through it, to an empty, migrated database. */
  url: string;
  /** Leads past it. */
  directUrl: string;
};

/** Undefined, and it says so loudly, where pgbouncer or PostgreSQL is missing. */
export async function startPooled(
  t: Test,
  settings: Record<string, string> = {},
  limit?: number,
): Promise<Pooled | undefined> {
  const postgres: Engine | undefined = engines.find(({ name }) => name === 'postgres');
  const server = process.env['TEST_POSTGRES_URL'];
  if (!postgres || !server) return undefined;
  const pgbouncer = await startPgbouncer(server, settings, limit);
  if (!pgbouncer) {
    const missing = 'there is no pgbouncer: install it';
    if (process.env['REQUIRE_PGBOUNCER'] === '1') t.fail(`${missing} (REQUIRE_PGBOUNCER=1)`);
    else {
      console.error(`\n${'!'.repeat(80)}\n!! Tests of pgbouncer SKIPPED: ${missing}.\n${'!'.repeat(80)}\n`);
    }
    return undefined;
  }
  t.teardown(() => pgbouncer.stop());
  const directUrl = Object.assign(new URL(await postgres.database(t)), { host: new URL(server).host }).href;
  return { pgbouncer, directUrl, url: pgbouncer.through(directUrl) };
}
