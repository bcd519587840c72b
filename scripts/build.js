/**
 * Builds the server and the element into dist/. With `--if-changed` only where a source differs from what the last build
 * read: `npm start` and `npm run undersigned` then begin at once. It is plain JavaScript, so that Node.js runs it without
 * loading a compiler, also where the packages for developing are not installed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const STAMP = join(root, 'dist/.built');
const PROGRAM = join(root, 'dist/src/cli/main.js');
/** Everything that the build reads. */
const SOURCES = [
  ...['src', 'schema', 'scripts/build.js', 'scripts/embed.ts'],
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'],
];

/** @param {string} path @returns {string[]} */
function filesIn(path) {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  const inside = readdirSync(join(root, path), { withFileTypes: true, recursive: true });
  return inside.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

/** Changes when a source is edited, added or removed. */
function stateOfSources() {
  const hash = createHash('sha256');
  for (const file of SOURCES.flatMap(filesIn).sort()) {
    const path = file.startsWith(root) ? file : join(root, file);
    hash.update(`${path.slice(root.length)}\0`).update(readFileSync(path));
  }
  return hash.digest('hex');
}

/** @param {string} command @param {string[]} args */
function run(command, ...args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

const state = stateOfSources();
const isBuilt = existsSync(STAMP) && existsSync(PROGRAM) && readFileSync(STAMP, 'utf8') === state;
if (!process.argv.includes('--if-changed') || !isBuilt) {
  run(process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json');
  run(process.execPath, '--import', 'tsx', 'scripts/embed.ts', 'build');
  writeFileSync(STAMP, state);
}
