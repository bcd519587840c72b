import type { TestApp } from './helper.js';

/** Every row of every table as a line of JSON, bytes as hex, in no order that the engine chooses. */
export type Dump = Record<string, string[]>;

export async function dumpTables({ store }: Pick<TestApp, 'store'>): Promise<Dump> {
  const dump: Dump = {};
  for (const [name, table] of Object.entries(store.tables)) {
    const rows = (await store.read.db.select().from(table as never)) as Record<string, unknown>[];
    dump[name] = rows.map(lineOf).sort();
  }
  return dump;
}

const lineOf = (row: Record<string, unknown>): string =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        Buffer.isBuffer(value) ? value.toString('hex') : value,
      ]),
    ),
  );

/** What two dumps do not share, by table; tables without a difference are left out. */
export function difference(before: Dump, after: Dump): Record<string, { gone: any[]; come: any[] }> {
  const parse = (lines: string[]): any[] => lines.map((line) => JSON.parse(line));
  const changes = Object.keys(after).map((name) => {
    const [old = [], now = []] = [before[name], after[name]];
    const gone = old.filter((line) => !now.includes(line));
    const come = now.filter((line) => !old.includes(line));
    return [name, { gone: parse(gone), come: parse(come) }] as const;
  });
  return Object.fromEntries(changes.filter(([, { gone, come }]) => gone.length + come.length > 0));
}
