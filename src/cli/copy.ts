import type { Compared } from '../store/copy/compare.js';
import { compareDatabases, copyDatabase, type CopyOptions } from '../store/copy/copy.js';
import { progressBar } from './progress-bar.js';

export type CopyFlags = { from: string; to: string; restart?: boolean; onlyCompare?: boolean };

const DATABASE_URL = /^(?:file:|postgres(?:ql)?:\/\/).+/;
const number = (value: number) => Math.round(value).toLocaleString('en');
const STEPS = { check: 'Checking', copy: 'Copying', compare: 'Comparing' } as const;

/** Copies a database and compares both; the exit code is 1 when they differ. */
export async function copyCommand({
  from,
  to,
  restart = false,
  onlyCompare = false,
}: CopyFlags): Promise<void> {
  for (const [option, url] of [
    ['--from', from],
    ['--to', to],
  ] as const) {
    if (!DATABASE_URL.test(url)) throw new Error(`${option} must be file:<path> or postgres://…`);
  }
  if (from === to) throw new Error('--from and --to are the same');
  const bar = progressBar();
  const told: CopyOptions['told'] = (step, _table, rows, of) => bar.add(STEPS[step], rows, of);
  try {
    if (onlyCompare) {
      return conclude(await compareDatabases({ from, to, told }), 'The databases are the same.');
    }
    const { tables, copied, kept, copySeconds } = await copyDatabase({ from, to, restart, told });
    bar.clear();
    if (kept > 0) console.log(`${number(kept)} rows were there from an earlier copy.`);
    const rate = number(copied / Math.max(copySeconds, 0.001));
    console.log(`${number(copied)} rows copied in ${copySeconds.toFixed(1)} s (${rate} rows/s).`);
    conclude(tables, 'Compared: both sides are the same. The copy is complete.');
  } finally {
    bar.clear();
  }
}

function conclude(tables: readonly Compared[], good: string): void {
  const width = Math.max(...tables.map(({ table }) => table.length));
  console.log(`\n${'table'.padEnd(width)} ${'rows'.padStart(12)}  SHA-256`);
  for (const { table, source, target, difference } of tables) {
    const line = ({ rows, checksum }: Compared['source']) =>
      `${table.padEnd(width)} ${number(rows).padStart(12)}  ${checksum}`;
    console.log(difference ? `${line(source)}  source\n${line(target)}  TARGET DIFFERS` : line(source));
  }
  const wrong = tables.filter(({ difference }) => difference);
  if (wrong.length === 0) return console.log(`\n${good}`);
  console.log();
  for (const { table, difference } of wrong) {
    const where =
      difference?.source === difference?.target
        ? `the rows with key ${difference?.source} differ`
        : `the source has key ${difference?.source ?? '(no more)'} where the target has ${difference?.target ?? '(no more)'}`;
    console.log(`${table}: first difference: ${where}`);
  }
  process.exitCode = 1;
}
