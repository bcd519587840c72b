import { Type } from '@sinclair/typebox';

/** The environment variables about each of the two engines. */
export const DatabaseSettings = {
  STORE_THREAD: Type.String({
    default: 'on',
    enum: ['on', 'off'],
    description: 'SQLite: on: signing stores on a thread of its own; off: on the one that speaks HTTP.',
  }),
  WORKERS: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 64,
    description:
      'SQLite: processes that speak HTTP in front of the server, for reading on more cores; 0: none.',
  }),
  DATABASE_DIRECT_URL: Type.String({
    default: '',
    pattern: '^(?:|postgres(?:ql)?://.+)$',
    description:
      'PostgreSQL behind a pooler: leads past it, for migrations and live counts of other processes.',
  }),
  DATABASE_READ_URL: Type.String({
    default: '',
    pattern: '^(?:|postgres(?:ql)?://.+)$',
    description: 'A standby of PostgreSQL that answers callers without a key; empty: the primary does.',
  }),
  DATABASE_READ_MAX_AGE_MS: Type.Integer({
    default: 1000,
    minimum: 100,
    maximum: 60_000,
    description: 'How old its answers may be at most; if they would be older, the primary answers.',
  }),
  POSTGRES_POOLER: Type.String({
    default: '',
    enum: ['', 'transaction'],
    description: 'transaction: DATABASE_URL leads to a pooler that pools transactions, as pgbouncer can.',
  }),
  POSTGRES_POOL: Type.Integer({
    default: 10,
    minimum: 1,
    maximum: 500,
    description: 'Connections to PostgreSQL.',
  }),
  POSTGRES_STATEMENT_TIMEOUT_MS: Type.Integer({
    default: 10000,
    minimum: 100,
    description: 'After that a statement is given up.',
  }),
  POSTGRES_ALLOW_UNSAFE: Type.Boolean({
    default: false,
    description: 'Run on a PostgreSQL that does not sync its log. For tests only: it loses signatures.',
  }),
};

const FOR_POSTGRES = ['DATABASE_DIRECT_URL', 'DATABASE_READ_URL', 'POSTGRES_POOLER'] as const;
type Settings = { DATABASE_URL: string; REDIS_URL: string; WORKERS: number } & Record<
  (typeof FOR_POSTGRES)[number],
  string
>;

/** Throws, with the name of the variable, for what means nothing together. */
export function assertDatabaseSettings(settings: Settings): void {
  if (settings.DATABASE_URL.startsWith('file:')) {
    const senseless = FOR_POSTGRES.find((name) => settings[name]);
    if (senseless) throw new Error(`${senseless} is for PostgreSQL, and DATABASE_URL is a file: remove one`);
  }
  if (settings.WORKERS > 0) assertWorkersFit(settings);
}

function assertWorkersFit({ DATABASE_URL, REDIS_URL }: Settings): void {
  if (!DATABASE_URL.startsWith('file:')) {
    throw new Error('WORKERS is for SQLite: on PostgreSQL start several servers (docs/scaling.md)');
  }
  if (DATABASE_URL.includes(':memory:')) throw new Error('WORKERS needs a database in a file');
  if (REDIS_URL !== '') {
    throw new Error('WORKERS and REDIS_URL do not go together: with workers the server counts the limits');
  }
}
