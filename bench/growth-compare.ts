/**
 * Transfers of ours, over HTTP and on the command line, beside what better-sqlite3 alone does with the same rows on the
 * same database: for growth.ts. SQLite only.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, createReadStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startOurs, worker } from './contenders.js';
import type { RawOrder, RawReport } from './growth-raw.js';
import { transferLineOf } from './growth-table.js';
import type { openStage } from './stage.js';
import {
  command,
  exportAll,
  importMany,
  writeImport,
  type Transfer,
  type Where,
} from './growth-transfers.js';

export const MARK = 0.5;

export type Comparison = {
  raw_import_rows_per_s: number;
  raw_export_rows_per_s: number;
  transfers: Transfer[];
  ratios: { what: string; ratio: number }[];
};

type Site = {
  folder: string;
  /** The database, which no process may have open. */
  file: string;
  key: string;
  /** Two petitions without signatures. */
  petitions: readonly [string, string];
  rows: number;
  /** The number of the first signer; as many as there are rows, twice, must be free. */
  first: number;
  load: Where['load'];
  stage: Pick<ReturnType<typeof openStage>, 'keep' | 'stop'>;
};

export async function compareWithRaw(site: Site): Promise<Comparison> {
  const { folder, file, key, petitions, rows, first, load, stage } = site;
  const [overHttp, onCommandLine] = petitions;
  const url = `file:${file}`;
  const transfers: Transfer[] = [];
  const note = (one: Transfer) => {
    if (one.rows !== rows) throw new Error(`${one.what}: ${one.rows} of ${rows}`);
    transfers.push(one);
    console.log(transferLineOf(one));
    return one.rows_per_s;
  };

  const copy = join(folder, 'raw.db');
  copyFileSync(file, copy);
  const imported = await raw(copy, { what: 'import', petition: overHttp, rows, first });
  for (const end of ['', '-wal', '-shm']) rmSync(copy + end, { force: true });

  const server = await stage.keep(startOurs(folder, [], { DATABASE_URL: url }));
  const where = { server, load, key, petition: overHttp };
  const http = {
    import: note(await importMany(where, rows, first)),
    export: note(await exportAll(where, 'csv')),
  };
  await stage.stop(server);

  const [input, output, wanted] = ['in.csv', 'out.csv', 'raw.csv'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeImport(input, rows, first + rows);
  const at = { url, folder };
  const importing = [
    'signatures',
    'import',
    input,
    '--petition',
    onCommandLine,
    '--source',
    'growth',
    '--fast',
  ];
  const exporting = ['signatures', 'export', '--petition', onCommandLine, '--out', output];
  const cli = {
    import: note(await command('CLI: import csv', rows, at, importing)),
    export: note(await command('CLI: export csv', rows, at, exporting)),
  };
  const exported = await raw(file, { what: 'export', petition: onCommandLine, to: wanted });
  if ((await fingerprint(output)) !== (await fingerprint(wanted))) {
    throw new Error('the raw export is not what ours exports: the comparison would be worthless');
  }
  for (const one of [input, output, wanted]) rmSync(one);

  const ratios = (['import', 'export'] as const).flatMap((what) => {
    const measure = what === 'import' ? imported : exported;
    return [
      { what: `HTTP: ${what} ÷ raw`, ratio: http[what] / measure },
      { what: `CLI: ${what} ÷ raw`, ratio: cli[what] / measure },
    ];
  });
  return { raw_import_rows_per_s: imported, raw_export_rows_per_s: exported, transfers, ratios };
}

async function raw(file: string, order: RawOrder): Promise<number> {
  const one = await worker<RawOrder, RawReport>('growth-raw.ts', file);
  const { rows, seconds } = await one.ask(order);
  await one.stop();
  console.log(`${`raw: ${order.what}`.padEnd(20)}${String(Math.round(rows / seconds)).padStart(33)}`);
  return Math.round(rows / seconds);
}

/** A hash of a CSV without the ids of supporters, which ours masks for each organization. */
async function fingerprint(file: string): Promise<string> {
  const hash = createHash('sha1');
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    hash.update(line.replace(/sup_\w+/, ''));
  }
  return hash.digest('hex');
}

export const ratioLineOf = ({ what, ratio }: Comparison['ratios'][number]): string =>
  `${ratio.toFixed(2).padStart(6)}  ${what} (mark ${MARK}: ${ratio >= MARK ? 'met' : 'MISSED'})`;
