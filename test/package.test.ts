import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { packageRoot } from '../src/package.js';
import { home } from './support/process.js';
import { lookFor, until } from './support/until.js';

/* What package.json promises: `npm start` as a supervisor runs it, and what a tarball holds. */

const root = fileURLToPath(packageRoot);

/** What is built is what is started and packed here: a run of the tests alone has not built it yet. */
if (!existsSync(join(root, 'dist/src/cli/main.js')) || !existsSync(join(root, 'dist/embed/v1.js'))) {
  execFileSync(process.execPath, ['scripts/build.js'], { cwd: root });
}

t.test('SIGTERM to npm start ends the server: no child is left, the port is closed', async (t) => {
  const folder = home(t);
  // Without the scripts around it, which would build while other tests run.
  const npm = spawn('npm', ['start', '--ignore-scripts'], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      NPM_CONFIG_UPDATE_NOTIFIER: 'false',
      PORT: '0',
      DATABASE_URL: `file:${join(folder, 'test.db')}`,
      ROOT_KEY_FILE: join(folder, 'root.key'),
      MAIL_FOLDER: join(folder, 'mail'),
      ERASURE_JOURNAL: join(folder, 'erasures.log'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(npm, 'exit') as Promise<[number | null, string | null]>;
  let output = '';
  for (const stream of [npm.stdout, npm.stderr]) stream.on('data', (data) => (output += String(data)));
  const server = () => Number(/"pid":(\d+)/.exec(output)?.[1] ?? 0);
  t.teardown(() => {
    npm.kill('SIGKILL');
    if (server() > 0 && isRunning(server())) process.kill(server(), 'SIGKILL');
  });
  const url = await until(() => /listens on (\S+)[^]*openapi\.yaml\n/.exec(output)?.[1], 'that it listens', {
    withinMs: 60_000,
  });
  t.equal((await fetch(`${url}/livez`)).status, 200);

  npm.kill('SIGTERM');
  t.same(await exit, [0, null], output);
  await lookFor(() => !isRunning(server()));
  t.notOk(isRunning(server()), 'the server has gone with npm');
  const { hostname, port } = new URL(url);
  const socket = createConnection(Number(port), hostname);
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  t.equal(error.code, 'ECONNREFUSED');
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

t.test('a tarball has what it needs, no maps, and no dead links', async (t) => {
  const said = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    stdio: 'pipe',
  });
  const [{ files: listed }] = JSON.parse(String(said)) as [{ files: { path: string }[] }];
  const files = new Set(listed.map(({ path }) => path));
  t.same(
    [...files].filter((file) => /\.map$|^dist\/tests|^test\/|_snapshot\.json$|\.env$|^data\//.test(file)),
    [],
  );
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
  t.match(manifest, { bin: { undersigned: 'dist/src/cli/main.js' }, keywords: Array, license: 'MIT' });
  t.match(manifest, { homepage: /^https:/, repository: { url: /^git\+https:/ }, bugs: { url: /^https:/ } });
  for (const file of [
    'dist/src/cli/main.js',
    'dist/embed/v1.js',
    'dist/reference/scalar.js',
    'openapi.yaml',
  ]) {
    t.ok(files.has(file), file);
  }
  const folders = new Set([...files].map((file) => dirname(file)));
  for (const file of [...files].filter((file) => file.endsWith('.md'))) {
    const text = readFileSync(join(root, file), 'utf8').replace(/^```[^]*?^```$/gm, '');
    for (const [, link = ''] of text.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)) {
      if (/^(?:https?|mailto):/.test(link)) continue;
      const target = normalize(join(dirname(file), link)).replace(/\/$/, '');
      t.ok(files.has(target) || folders.has(target), `${file}: ${link} is in the package`);
    }
  }
});
