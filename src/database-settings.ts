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

type About = { WORKERS: number; DATABASE_URL: string; REDIS_URL: string };

/** Throws where workers cannot be. */
export function assertWorkersFit({ WORKERS, DATABASE_URL, REDIS_URL }: About): void {
  if (WORKERS === 0) return;
  if (!DATABASE_URL.startsWith('file:')) {
    throw new Error('WORKERS is for SQLite: on PostgreSQL start several servers (docs/scaling.md)');
  }
  if (DATABASE_URL.includes(':memory:')) throw new Error('WORKERS needs a database in a file');
  if (REDIS_URL !== '') {
    throw new Error('WORKERS and REDIS_URL do not go together: with workers the server counts the limits');
  }
}
