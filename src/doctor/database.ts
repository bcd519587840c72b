import { existsSync } from 'node:fs';
import type { Config } from '../config.js';
import { openConfiguredStore } from '../configured-store.js';
import { LinkKeyring } from '../core/links/link-keyring.js';
import { opensLinkKeys } from '../core/links/link-keys.js';
import { sqliteFile } from '../store/open.js';
import { postgresState, type PostgresState } from '../store/postgres-state.js';
import { say, type Finding } from './finding.js';
import { readRootKey } from './root-key.js';

const MOST_SECONDS = 5;
/** The oldest that its makers still mend. */
const OLDEST_POSTGRES = 14;

const { ok, warning, problem } = say('database');

/** Opening checks that it is migrated and durable, and `ping` that it takes writes. */
export async function checkDatabase(config: Config): Promise<Finding[]> {
  const { DATABASE_URL: url, DATABASE_DIRECT_URL: direct } = config;
  const file = sqliteFile(url);
  if (file !== undefined && !existsSync(file)) {
    const advice = 'Run `undersigned migrate`, or start the server: both make it.';
    return [problem('there is no file DATABASE_URL', advice)];
  }
  const server = file === undefined ? await postgresState(direct || url).catch(() => undefined) : undefined;
  return [...(await opened(config)), ...pooler(config), ...(server ? fromServer(config, server) : [])];
}

/** Opening has checked that its sessions limit statements, and that the direct URL leads past it. */
function pooler({ POSTGRES_POOLER, DATABASE_DIRECT_URL }: Config): Finding[] {
  if (POSTGRES_POOLER === '' || DATABASE_DIRECT_URL !== '') return [];
  const advice = 'Set DATABASE_DIRECT_URL to the server itself: live counts of other processes are polled.';
  return [warning('there is no way past the pooler', advice)];
}

async function opened(config: Config): Promise<Finding[]> {
  try {
    const store = await openConfiguredStore(config);
    try {
      await store.ping();
      const found = [ok('it is there, migrated, durable and takes writes')];
      const rootKey = readRootKey(config);
      if (rootKey && !(await opensLinkKeys(store.read, new LinkKeyring(rootKey)))) {
        const advice = 'Put back the one that this database was used with: see docs/running.md#root-key.';
        found.push(problem('it was used with another root key', advice));
      }
      return found;
    } finally {
      await store.close();
    }
  } catch (error) {
    const advice = 'Look at DATABASE_URL, whether the server runs, and run `undersigned migrate`.';
    return [problem((error as Error).message, advice)];
  }
}

function fromServer(config: Config, state: PostgresState): Finding[] {
  const { POSTGRES_POOL, POSTGRES_POOLER, DATABASE_URL, DATABASE_DIRECT_URL } = config;
  const { version, major, ahead, unsafe, connections, encrypted } = state;
  const found = [
    major < OLDEST_POSTGRES
      ? warning(`PostgreSQL ${version} gets no fixes any more`, 'Upgrade it.')
      : ok(`PostgreSQL ${version}`),
    ...unsafe.map((setting) =>
      problem(
        `PostgreSQL runs with ${setting}`,
        'Switch it on: a power cut would lose acknowledged signatures.',
      ),
    ),
  ];
  // Those of a pooler are not the server's.
  if (connections < POSTGRES_POOL && POSTGRES_POOLER === '') {
    const advice = 'Raise max_connections, or lower POSTGRES_POOL: it is for each process.';
    found.push(
      problem(`${Math.max(0, connections)} connections for a POSTGRES_POOL of ${POSTGRES_POOL}`, advice),
    );
  }
  if (!encrypted && !isNear(DATABASE_DIRECT_URL || DATABASE_URL)) {
    const advice = 'Add ?sslmode=verify-full to its URL, unless the network between is your own.';
    found.push(warning('the connection to it is not encrypted', advice));
  }
  const seconds = Math.round(Math.abs(ahead) / 1000);
  const apart = `this clock and the database’s are ${seconds} s apart`;
  const clock = say('clock');
  const advice = 'Let NTP set both: links and sessions expire by them.';
  return [...found, seconds <= MOST_SECONDS ? clock.ok(apart) : clock.problem(apart, advice)];
}

/** On this machine, or next to it: a name without a dot is that of another container. */
function isNear(url: string): boolean {
  const host = /^[a-z]+:\/\/(?:[^@/?]*@)?([^:/?,]*)/i.exec(url)?.[1] ?? '';
  return host === '' || !host.includes('.') || host.startsWith('127.');
}
