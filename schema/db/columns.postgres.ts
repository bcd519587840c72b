import { sql } from 'drizzle-orm';
import {
  bigint,
  check,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { decodeId, encodeId, type IdPrefix } from './public-id.js';

const uuid = (bytes: Buffer) =>
  bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

/** The column builders of PostgreSQL. Their static types are used for both engines. */
export const table = pgTable;
/** The internal key: a small ascending integer, never shown outside. */
export const key = () => bigint({ mode: 'number' }).primaryKey().generatedByDefaultAsIdentity();
/** A column for the key of another row. */
export const ref = () => bigint({ mode: 'number' });
/** The public id: text in JavaScript, 16 bytes in the database. */
export const publicId = (prefix: IdPrefix) =>
  customType<{ data: string; driverData: string }>({
    dataType: () => 'uuid',
    toDriver: (id) => uuid(decodeId(id)),
    fromDriver: (value) => encodeId(prefix, Buffer.from(value.replaceAll('-', ''), 'hex')),
  })();
export const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
export const str = () => text();
export const enumText = <const T extends readonly [string, ...string[]]>(values: T) =>
  text({ enum: values as unknown as [T[number], ...T[number][]] });
export const int = () => integer();
export const instant = () => timestamp({ withTimezone: true, mode: 'date', precision: 3 });
export const json = <T>() => jsonb().$type<T>();
export { check, index, primaryKey, sql, uniqueIndex };
