import type { Statement } from 'better-sqlite3';
import { Column, is, Param, Placeholder, SQL } from 'drizzle-orm';

/*
 * Faster prepared queries. drizzle's own inspect each parameter and column at every run and answer with a promise,
 * which on SQLite costs as much as the statement itself. Here both are inspected once. This reads fields that are not
 * part of drizzle's public API; `test/store/store.test.ts` checks the results.
 */

const INSERT_OF_ONE =
  /^(insert into [^()]+\([^()]*\) values \([^()]*\)(?: on conflict(?: \([^()]*\))? do nothing)?) returning "key"$/;

type Values = Record<string, unknown>;
type Binding = (values: Values) => unknown;
type Decoder = { mapFromDriverValue: (value: unknown) => unknown };
type Inside = {
  stmt: Statement<unknown[], unknown[]>;
  query: { params: unknown[] };
  fields?: { path: string[]; field: unknown }[];
  executeMethod: 'run' | 'all' | 'get';
  customResultMapper?: unknown;
};

/** A prepared SQLite query as a synchronous function; undefined for what is not a flat SQLite query. */
export function compile(prepared: object): ((values: Values) => unknown) | undefined {
  const { stmt, query, fields, executeMethod, customResultMapper } = prepared as Inside;
  if (!stmt || customResultMapper) return undefined;
  const bindings = query.params.map(bindingOf);
  // Passed as one array: spread arguments would be copied at each run.
  const bound = (values: Values): unknown[] => {
    const list = new Array<unknown>(bindings.length);
    for (let i = 0; i < list.length; i += 1) list[i] = (bindings[i] as Binding)(values);
    return list;
  };
  if (!fields) return executeMethod === 'run' ? (values) => stmt.run(bound(values)) : undefined;
  const insert = keyReturning(stmt, fields);
  if (insert) {
    return (values) => {
      const { changes, lastInsertRowid } = insert.run(bound(values));
      return changes === 0 ? [] : [{ key: Number(lastInsertRowid) }];
    };
  }

  const columns = fields.map(({ path, field }) => ({
    name: path[0] ?? '',
    decoder: decoderOf(field),
    flat: path.length === 1,
  }));
  if (columns.some(({ flat, decoder }) => !flat || !decoder)) return undefined;
  const rows = stmt.raw();
  return (values) =>
    rows.all(bound(values)).map((row) => {
      const out: Values = {};
      for (let i = 0; i < columns.length; i += 1) {
        const { name, decoder } = columns[i] as (typeof columns)[number];
        const value = row[i];
        out[name] = value === null ? null : (decoder as Decoder).mapFromDriverValue(value);
      }
      return out;
    });
}

/**
 * Replaces an insert of one row that returns only its key by one without `returning`. SQLite reports the key anyway,
 * and `returning` would first write the row to a temporary table, which costs a fifth of the insert.
 */
function keyReturning({ database, source }: Statement, fields: readonly { field: unknown }[]) {
  const [{ field } = { field: undefined }] = fields;
  const isKey = fields.length === 1 && is(field, Column) && field.name === 'key' && field.primary;
  const sql = INSERT_OF_ONE.exec(source)?.[1];
  return isKey && sql !== undefined ? database.prepare<unknown[]>(sql) : undefined;
}

export function bindingOf(param: unknown): Binding {
  if (is(param, Placeholder)) return (values) => values[param.name];
  if (is(param, Param) && is(param.value, Placeholder)) {
    const { encoder } = param;
    const { name } = param.value;
    if (takesAsItIs(encoder)) return (values) => values[name];
    return (values) => encoder.mapToDriverValue(values[name]);
  }
  return () => param;
}

/** Whether a column writes values unchanged, as most do. */
const takesAsItIs = (encoder: object): boolean =>
  'column' in encoder && (encoder.column as Column).mapToDriverValue === Column.prototype.mapToDriverValue;

export function decoderOf(field: unknown): Decoder | undefined {
  if (is(field, Column)) return field;
  if (is(field, SQL)) return (field as unknown as { decoder: Decoder }).decoder;
  if (is(field, SQL.Aliased)) return (field.sql as unknown as { decoder: Decoder }).decoder;
  return undefined;
}
