/**
 * `npm test [-- tap arguments]`: compiles the tests and all that they import into dist/tests, and runs tap there with a
 * PostgreSQL beside it, so that every test runs on both engines.
 *
 * TEST_POSTGRES_URL   use this server instead of starting one; empty: SQLite alone
 * REQUIRE_POSTGRES=1  fail, rather than skip the PostgreSQL lane, when there is no server
 * REQUIRE_REDIS=1     fail, rather than skip test/http/limits/limits.test.ts, when there is no redis-server
 * CHROMIUM_PATH, REQUIRE_BROWSER=1  the same for the widget's tests: see test/support/browser.ts
 * REQUIRE_PGBOUNCER=1 the same for test/pgbouncer.test.ts: see test/support/pgbouncer.ts
 * TEST_PGBOUNCER=1    every store on PostgreSQL is opened through a pgbouncer that pools transactions
 * REQUIRE_PROXIES=1   the same for test/proxies.test.ts: see test/support/proxies.ts
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pg from 'pg';
import { parse } from 'yaml';
import { migrateStore } from '../src/store/open.js';
import { compile } from './compile.js';
import { startPgbouncer, type Pgbouncer } from './pgbouncer.js';
import { startPostgres, type PostgresServer } from './postgres.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiled = join(root, 'dist/tests');
const args = process.argv.slice(2);
const namesFiles = args.some((arg) => !arg.startsWith('-'));

/** A file takes more than twice as long through tsx, and so does each process that it starts. */
function compileTests(): void {
  rmSync(compiled, { recursive: true, force: true });
  compile(['src', 'schema', 'test', 'scripts'], compiled);
}

const FILES_PER_PROCESS = 10;
/** One counts the threads of its process, the other waits for a minute of real time. */
const ALONE = [join('http', 'petitions', 'pictures.test.js'), join('attack', 'machines.test.js')];

/**
 * The files to run, for a whole run. Starting a process, importing the app and compiling its contracts takes about 5 CPU
 * seconds, so files that do not start servers share processes: a module that imports one after the other. The others stay
 * apart, since they take longest.
 */
function wholeSuite(): string[] {
  const found = readdirSync(join(compiled, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .sort();
  const sharing = found.filter(
    (name) => /^(?:attack|core|http|mail|store)[/\\]/.test(name) && !ALONE.includes(name),
  );
  const alone = found.filter((name) => !sharing.includes(name)).map((name) => join(compiled, 'test', name));
  const groups: string[] = [];
  mkdirSync(join(compiled, 'groups'));
  while (sharing.length > 0) {
    const files = sharing.splice(0, FILES_PER_PROCESS);
    const group = join(compiled, 'groups', `${groups.length + 1}.test.js`);
    writeFileSync(group, files.map((name) => `import ${JSON.stringify(`../test/${name}`)};\n`).join(''));
    groups.push(group);
  }
  return [...alone, ...groups];
}

/** `test/http/x.test.ts` and folders are named as they are in the sources. */
function inCompiled(arg: string): string {
  const path = relative(root, resolve(arg));
  if (!/^test(\/|$)/.test(path) || !existsSync(arg)) return arg;
  return join(compiled, path).replace(/\.ts$/, '.js');
}

/** Builds the widget. Returns false if it does not build, or is too large. */
function buildWidget(): boolean {
  const script = fileURLToPath(new URL('embed.ts', import.meta.url));
  const command = ['--import', 'tsx', script, 'build'];
  return spawnSync(process.execPath, command, { stdio: 'inherit' }).status === 0;
}

const tap = fileURLToPath(new URL('dist/esm/run.mjs', import.meta.resolve('tap/package.json')));

/** Rebuilds tap if the plugins in .taprc have changed: tap itself would do so during the run, with both sets loaded. */
function buildTap(): boolean {
  const config = parse(readFileSync(new URL('../.taprc', import.meta.url), 'utf8')) as { plugin: string[] };
  const built = readFileSync(
    new URL('../../test-built/dist/esm/index.js', import.meta.resolve('@tapjs/test')),
    'utf8',
  );
  if (config.plugin.every((plugin) => !built.includes(plugin.slice(1)))) return true;
  return spawnSync(process.execPath, [tap, 'build'], { stdio: 'inherit' }).status === 0;
}

let interrupted = false;
let interrupt: (() => void) | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!interrupted) interrupt?.();
    interrupted = true;
  });
}

function runTap(added: NodeJS.ProcessEnv): Promise<number> {
  const env = { ...process.env, ...added };
  if (!args.includes('--no-disable-coverage')) {
    const preload = `--import=${pathToFileURL(join(compiled, 'scripts/no-process-info.js')).href}`;
    env['NODE_OPTIONS'] = `${env['NODE_OPTIONS'] ?? ''} ${preload}`;
  }
  return new Promise((resolve, reject) => {
    // In its own process group: tap waits for its test files even after a signal, so the signal must reach them too.
    const child = spawn(
      process.execPath,
      [tap, ...args.map(inCompiled), ...(namesFiles ? [] : wholeSuite())],
      {
        stdio: 'inherit',
        detached: true,
        env,
      },
    );
    let timer: NodeJS.Timeout | undefined;
    const killAll = (signal: NodeJS.Signals) => {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    };
    interrupt = () => {
      killAll('SIGTERM');
      timer = setTimeout(() => killAll('SIGKILL'), 5000);
    };
    child.once('error', reject);
    child.once('exit', (code) => {
      interrupt = undefined;
      clearTimeout(timer);
      resolve(code ?? 1);
    });
  });
}

async function administer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}

/** An empty, migrated database as a template for those of the tests: migrating each would take ten times as long. */
async function makeTemplate(server: string): Promise<string> {
  const name = `test_template_${process.pid}`;
  await administer(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  await migrateStore(url.href);
  return name;
}

async function main(): Promise<number> {
  let url = process.env['TEST_POSTGRES_URL'];
  let server: PostgresServer | undefined;
  let template: string | undefined;
  let pgbouncer: Pgbouncer | undefined;
  try {
    if (url === undefined) {
      server = await startPostgres();
      url = server?.url;
    }
    if (url === undefined) {
      const missing = 'no PostgreSQL server was found: set TEST_POSTGRES_URL or install one';
      if (process.env['REQUIRE_POSTGRES'] === '1') {
        console.error(`${missing} (REQUIRE_POSTGRES=1)`);
        return 1;
      }
      console.error(
        `\n${'!'.repeat(80)}\n!! PostgreSQL lane SKIPPED: ${missing}.\n!! Only SQLite is tested.\n${'!'.repeat(80)}\n`,
      );
    }
    if (interrupted || !buildWidget() || !buildTap()) return 1;
    compileTests();
    if (!url) return await runTap({});
    template = await makeTemplate(url);
    if (process.env['TEST_PGBOUNCER'] === '1') pgbouncer = await startPgbouncer(url);
    const pooled = pgbouncer ? { TEST_PGBOUNCER_URL: pgbouncer.through(url) } : {};
    return await runTap({ TEST_POSTGRES_URL: url, TEST_POSTGRES_TEMPLATE: template, ...pooled });
  } finally {
    await pgbouncer?.stop();
    if (url && template) await administer(url, `drop database if exists ${template}`);
    await server?.stop();
  }
}

process.exitCode = await main();
