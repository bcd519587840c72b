/**
 * `generate [drizzle-kit arguments]` writes the next migration of each engine.
 * `check` proves that there is none to write: it generates into a copy.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import postgres from '../drizzle.postgres.config.js';
import sqlite from '../drizzle.sqlite.config.js';

const configs = {
  'drizzle.sqlite.config.ts': sqlite,
  'drizzle.postgres.config.ts': postgres,
};
const root = fileURLToPath(new URL('..', import.meta.url));
const drizzleKit = fileURLToPath(new URL('bin.cjs', import.meta.resolve('drizzle-kit')));

const generate = (args: string[]) =>
  Object.keys(configs).every((config) => {
    const command = [drizzleKit, 'generate', '--config', config, ...args];
    return spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit' }).status === 0;
  });

function isUpToDate(config: string, { dialect, schema, out, casing }: typeof sqlite): boolean {
  const copy = mkdtempSync(join(tmpdir(), 'undersigned-migrations-'));
  try {
    cpSync(join(root, String(out)), copy, { recursive: true });
    const command = [drizzleKit, 'generate', '--dialect', dialect, '--schema', String(schema)];
    // drizzle-kit puts "./" before the directory, so an absolute path does not work.
    command.push('--casing', String(casing), '--out', relative(root, copy));
    const { stdout, stderr } = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' });
    // Its exit status is 0 even when it fails (for example because it cannot ask about a renamed column), so its output
    // is checked instead.
    const upToDate = stdout.includes('No schema changes');
    console.log(`${config}: ${upToDate ? 'up to date' : `NOT up to date\n${stdout}${stderr}`}`);
    return upToDate;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

const [task, ...args] = process.argv.slice(2);
const ok =
  task === 'check'
    ? Object.entries(configs)
        .map(([name, config]) => isUpToDate(name, config))
        .every(Boolean)
    : task === 'generate' && generate(args);
process.exitCode = ok ? 0 : 1;
