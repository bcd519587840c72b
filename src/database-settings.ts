import { Type } from '@sinclair/typebox';

/** The environment variables about each of the two engines. */
export const DatabaseSettings = {
  STORE_THREAD: Type.String({
    default: 'on',
    enum: ['on', 'off'],
    description: 'SQLite: on: signing stores on a thread of its own; off: on the one that speaks HTTP.',
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
