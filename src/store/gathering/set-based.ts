import { randomBytes } from 'node:crypto';
import { bindingOf, decoderOf } from '../compile.js';
import { arraysOf, distinctOf, inOneOrder, roundsOf, textOf, unnest, type ValueSet } from './value-sets.js';

/*
 * Turns one prepared query into one for many sets of values: `select … where x = $1` becomes a join with those sets,
 * `insert … values ($1, $2)` an insert of all of them. It parses drizzle's SQL and reads fields that are not part of
 * drizzle's public API; a query that it does not recognise runs once per set. `test/store/gather.test.ts` checks the
 * results.
 *
 * Supported are selects without `order by`; inserts (with `on conflict … returning` only for `do nothing`, and only
 * with a public id or a hash that identifies the rows); and updates of the row that one value names. Everything else is
 * correct but slow: `test/core/signatures/gathered-signing.test.ts` lists the statements of signing that must be
 * set-based.
 */

type Values = Record<string, unknown>;
type Alone = (values: Values) => PromiseLike<unknown>;

/** The parts of drizzle's prepared query that are used. */
export type Prepared = {
  getQuery(): { sql: string; params: unknown[] };
  fields?: { path: string[]; field: unknown }[];
  customResultMapper?: unknown;
  queryConfig: { types: unknown };
};

/** Sends one query; rows come as arrays. */
export type Ask = (query: {
  name?: string;
  text: string;
  values?: unknown[];
  rowMode?: 'array';
  types?: unknown;
}) => Promise<{ rows: unknown[][] }>;

export type SetBased = {
  /** Returns what `alone` would have returned for each set of values, in their order. */
  run(ask: Ask, many: readonly Values[], alone: Alone): Promise<unknown[]>;
};

/** Sends a query with some of the sets; returns its rows. */
type Send = (text: string, sets: readonly ValueSet[]) => Promise<unknown[][]>;
type Form = (sets: readonly ValueSet[], send: Send, alone: Alone) => Promise<unknown[]>;

/** A query to be transformed, with the types of its parameters. */
type Source = { name: string; sql: string; types: readonly string[]; decode: Decode | undefined };
type Decode = (row: unknown[]) => Values;

/** Whether a query only reads. Every other query counts as a write. */
export const onlyReads = (query: Prepared): boolean => query.getQuery().sql.startsWith('select ');

/** Makes the set-based form of a query. Asks PostgreSQL once for the types of its parameters. */
export async function setBased(name: string, query: Prepared, ask: Ask): Promise<SetBased> {
  const { sql, params } = query.getQuery();
  const source = { name, sql, types: await typesOf(sql, ask), decode: decoderOfRows(query) };
  const form = selectForm(source) ?? insertForm(source) ?? updateForm(source) ?? oneByOne;
  const bindings = params.map(bindingOf);
  const { types } = query.queryConfig;
  return {
    async run(ask, many, alone) {
      const sets = many.map((values) => ({
        values,
        texts: bindings.map((binding) => textOf(binding(values))),
      }));
      const send: Send = async (text, some) => {
        const values = arraysOf(some);
        // Named, so that its plan is kept. `plan_cache_mode = force_custom_plan` would plan each foreign key check
        // anew, too: 99 µs of server time per signature instead of 42.
        return (await ask({ name: `${name}_many`, text, values, rowMode: 'array', types })).rows;
      };
      return form(sets, send, alone);
    },
  };
}

const oneByOne: Form = async (sets, _send, alone) => {
  const answers = [];
  for (const { values } of sets) answers.push(await alone(values));
  return answers;
};

function selectForm({ sql, types, decode }: Source): Form | undefined {
  // A join would lose the order of rows within a set.
  const joins = decode && types.length > 0 && !/ order by /.test(sql);
  if (!sql.startsWith('select ')) return undefined;
  const text = `select v.n, s.* from ${unnest(types)} cross join lateral (${fromSets(sql)}) s`;
  return async (sets, send, alone) => {
    // Many sets are equal, such as those that read the petition that all works sign.
    const { distinct, places } = distinctOf(sets);
    let answers: unknown[];
    if (joins && distinct.length > 1) {
      const found = distinct.map((): Values[] => []);
      for (const [n, ...row] of await send(text, distinct)) found[Number(n) - 1]?.push(decode(row));
      answers = found;
    } else {
      answers = await oneByOne(distinct, send, alone);
    }
    return places.map((place) => answers[place]);
  };
}

/** The query's SQL with columns of the sets in place of its parameters. */
const fromSets = (sql: string): string => sql.replace(/\$(\d+)/g, 'v.p$1');

const INSERT = /^(insert into "[^"]+") \(([^)]*)\) values \(([^)]*)\)( on conflict .*?)?( returning .*)?$/;

function insertForm({ name, sql, types, decode }: Source): Form | undefined {
  const [, into = '', names = '', given = '', conflict = '', returning = ''] = INSERT.exec(sql) ?? [];
  const values = given.split(', ');
  const columns = names.split(', ').filter((_, i) => values[i] !== 'default');
  const inOrder = values.filter((value) => value !== 'default').every((value, i) => value === `$${i + 1}`);
  if (!into || !inOrder || columns.length !== types.length || (returning && !decode)) return undefined;

  const skips = conflict.endsWith(' do nothing');
  // A public id or a hash identifies the rows that were inserted.
  const publicId = types.indexOf('uuid');
  const id = publicId >= 0 ? publicId : types.indexOf('bytea');
  if (returning && conflict && !(skips && id >= 0)) return undefined;
  const target = /\(([^)]*)\) do update/.exec(conflict)?.[1]?.split(',') ?? [];
  const once = skips ? (returning ? [id] : []) : target.map((column) => columns.indexOf(column));
  const tells = returning && conflict ? `, ${columns[id]}` : '';
  const selected = columns.map((_, i) => `v.p${i + 1}`).join(', ');
  const text = `${into} (${columns.join(', ')}) select ${selected} from ${unnest(types)} order by v.n${conflict}${returning}${tells}`;

  return async (sets, send) => {
    const answers = new Map<ValueSet, unknown>();
    for (const round of roundsOf(sets, once)) {
      const ordered = conflict ? inOneOrder(round, publicId) : round;
      const rows = await send(text, ordered);
      if (!decode) continue;
      // Without a conflict all rows are inserted and returned in their order.
      const inserted = new Map(rows.map((row, i) => [tells ? textOf(row.pop()) : String(i), row]));
      if (!tells && inserted.size !== ordered.length) throw new Error(`${name} lost a row`);
      for (const [i, set] of ordered.entries()) {
        const row = inserted.get(tells ? (set.texts[id] ?? null) : String(i));
        answers.set(set, row ? [decode(row)] : []);
      }
    }
    return sets.map((set) => answers.get(set));
  };
}

/** Matches only updates of the row that one value names. */
const UPDATE = /^(update "[^"]+" set .*?) (where "[^"]+"\."[^"]+" = \$(\d+))$/;

function updateForm({ sql, types }: Source): Form | undefined {
  const [, update, where, by] = UPDATE.exec(sql) ?? [];
  if (!update || !where) return undefined;
  const text = `${fromSets(update)} from ${unnest(types)} ${fromSets(where)}`;
  return async (sets, send) => {
    for (const round of roundsOf(sets, [Number(by) - 1])) await send(text, round);
    return sets.map(() => undefined);
  };
}

/** The types that PostgreSQL has inferred for the parameters. */
async function typesOf(sql: string, ask: Ask): Promise<string[]> {
  // By chance, so that one which an aborted transaction has left in the session is in nobody's way.
  const probe = `probe_${randomBytes(8).toString('hex')}`;
  await ask({ text: `prepare "${probe}" as ${sql}` });
  const { rows } = await ask({
    text: 'select parameter_types::text[] from pg_prepared_statements where name = $1',
    values: [probe],
    rowMode: 'array',
  });
  await ask({ text: `deallocate "${probe}"` });
  return rows[0]?.[0] as string[];
}

/** Returns a function that turns a row into an object; undefined for nested rows, or if nothing is returned. */
function decoderOfRows({ fields, customResultMapper }: Prepared): Decode | undefined {
  if (!fields || customResultMapper) return undefined;
  const columns = fields.map(({ path, field }) => ({
    name: path[0] ?? '',
    flat: path.length === 1,
    decoder: decoderOf(field),
  }));
  if (columns.some(({ flat, decoder }) => !flat || !decoder)) return undefined;
  return (row) =>
    Object.fromEntries(
      columns.map(({ name, decoder }, i) => [
        name,
        row[i] === null ? null : decoder?.mapFromDriverValue(row[i]),
      ]),
    );
}
