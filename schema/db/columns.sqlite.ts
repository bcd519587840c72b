import { sql } from 'drizzle-orm';
import {
  blob,
  check,
  customType,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core';
import type * as postgres from './columns.postgres.js';
import { decodeId, encodeId, type IdPrefix } from './public-id.js';

const sqlite = {
  table: sqliteTable,
  key: () => integer().primaryKey(),
  ref: () => integer(),
  publicId: (prefix: IdPrefix) =>
    customType<{ data: string; driverData: Buffer }>({
      dataType: () => 'blob',
      toDriver: decodeId,
      fromDriver: (value) => encodeId(prefix, value),
    })(),
  bytes: () => blob({ mode: 'buffer' }),
  str: () => text(),
  enumText: (values: readonly [string, ...string[]]) => text({ enum: values as [string, ...string[]] }),
  int: () => integer(),
  instant: () => integer({ mode: 'timestamp_ms' }),
  json: () => text({ mode: 'json' }),
  check,
  index,
  primaryKey,
  sql,
  uniqueIndex,
} satisfies Record<keyof typeof postgres, unknown>;

/** Typed as PostgreSQL's: the builders have the same names and JavaScript values, and differ only in SQL. */
export const columns = sqlite as unknown as typeof postgres;
