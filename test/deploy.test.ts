import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { Environment, loadConfig } from '../src/config.js';
import { packageRoot } from '../src/package.js';
import { home, PETITION, body, post, secretKeyIn, serve } from './support/process.js';
import { inTime, until } from './support/until.js';

/* Dockerfile, compose.yaml and the systemd unit: what they name is there, and what the server does is allowed. */

const file = (path: string): string => readFileSync(new URL(path, packageRoot), 'utf8');
const isThere = (path: string): boolean => existsSync(new URL(path, packageRoot));
const manifest = JSON.parse(file('package.json')) as Record<string, any>;
const settings = new Set(Object.keys(Environment.properties));
const docker = file('Dockerfile').replace(/\\\n/g, '');
const stages = docker.split(/^(?=FROM )/m).slice(1);

t.test('the Dockerfile names what is there', async (t) => {
  const [build = '', image = ''] = stages;
  t.equal(stages.length, 2);
  for (const stage of stages) {
    const [, major] = /^FROM node:(\d+)-/.exec(stage) ?? [];
    t.match(
      manifest['engines'].node,
      new RegExp(`>=\\s*${major}\\b`),
      'a Node.js that package.json supports',
    );
  }
  const allowed = file('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'));
  for (const [, from = ''] of docker.matchAll(/^COPY (?!--from)(.*) \S+$/gm)) {
    for (const path of from.split(' ')) {
      t.ok(isThere(path), path);
      t.ok(allowed.includes(`!${path}`), `.dockerignore lets ${path} in`);
    }
  }
  for (const [, script = ''] of build.matchAll(/npm run -s ([\w:]+)/g)) {
    t.ok(manifest['scripts'][script], script);
  }
  for (const path of manifest['files'] as string[]) {
    const name = path.replace(/^!.*|\/.*$/g, '');
    if (name && !/^(?:README|CHANGELOG|ARCHITECTURE|CONTRIBUTING|docs|bench|deploy|\.env)/.test(name)) {
      t.match(image, name, `${name} is shipped`);
    }
  }
  const [, words = ''] = /^ENV (.*)$/m.exec(image) ?? [];
  const env = Object.fromEntries(words.split(' ').map((pair) => pair.split('=') as [string, string]));
  for (const name of Object.keys(env)) t.ok(settings.has(name), name);
  const config = loadConfig(env, false);
  t.match(config, { DEMO: false, HOST: '0.0.0.0', NODE_ENV: 'production' });
  t.match(image, new RegExp(`^EXPOSE ${config.PORT}$`, 'm'));
  t.match(image, /^USER node$/m);
  const [, folder = ''] = /^VOLUME (\S+)$/m.exec(image) ?? [];
  const [, work = ''] = /^WORKDIR (\S+)$/m.exec(image) ?? [];
  for (const path of [
    config.DATABASE_URL.slice('file:'.length),
    config.ROOT_KEY_FILE,
    config.ERASURE_JOURNAL,
  ]) {
    t.ok(join(work, path).startsWith(`${folder}/`), `${path} is in the volume`);
  }
  t.match(image, `CMD ["node", "${manifest['bin'].undersigned.replace(/^\.\//, '')}", "serve"]`);
});

/** The command of the image's health check. */
function health(): string[] {
  const [, command = ''] = /^HEALTHCHECK .*?CMD (\[.*\])$/m.exec(docker) ?? [];
  return JSON.parse(command) as string[];
}

const isHealthy = (port: string): boolean => {
  try {
    execFileSync(process.execPath, health().slice(1), { env: { PORT: port }, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

t.test('compose.yaml names what is there', async (t) => {
  const { services, volumes } = parse(file('compose.yaml')) as Record<string, Record<string, any>>;
  const {
    environment,
    ports,
    volumes: mounts,
    depends_on: needs,
    stop_grace_period: grace,
  } = services!['undersigned'];
  for (const name of Object.keys(environment)) t.ok(settings.has(name), name);
  const plain = Object.entries<string>(environment).map(([name, value]) => [
    name,
    String(value).replace(/\$\{\w+:-(\w+)\}/g, '$1'),
  ]);
  const config = loadConfig(Object.fromEntries(plain), false);
  t.equal(ports[0], `127.0.0.1:${new URL(config.publicUrl).port}:${config.PORT}`);
  for (const url of [config.DATABASE_URL, config.REDIS_URL, config.SMTP_URL]) {
    const { hostname } = new URL(url);
    t.ok(services![hostname], `${hostname} is a service`);
    t.ok(needs[hostname], `it is waited for`);
  }
  const [volume, path] = mounts[0].split(':');
  t.ok(Object.keys(volumes ?? {}).includes(volume));
  t.match(docker, `VOLUME ${path}\n`);
  const { POSTGRES_USER: user, POSTGRES_PASSWORD: password } = services!['postgres'].environment;
  t.match(environment.DATABASE_URL, `postgres://${user}:${password}@postgres/`);
  t.ok(parseInt(grace) > 20, 'longer than the server takes to stop');
});

const unit = file('deploy/undersigned.service');
const valuesOf = (name: string): string[] =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);

/** The calls in a set of systemd’s, with the sets in it; and what is no set is a call. */
function callsIn(name: string): string[] {
  if (!name.startsWith('@')) return [name];
  const listed = execFileSync('systemd-analyze', ['syscall-filter', '--no-pager', name], {
    encoding: 'utf8',
  });
  return listed
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap(callsIn);
}

function allowedCalls(): Set<string> {
  const allowed = new Set<string>();
  for (const value of valuesOf('SystemCallFilter')) {
    const denies = value.startsWith('~');
    for (const call of value.replace('~', '').split(' ').flatMap(callsIn)) {
      if (denies) allowed.delete(call);
      else allowed.add(call);
    }
  }
  return allowed;
}

const has = (program: string): boolean => {
  try {
    return execFileSync('which', [program], { stdio: 'pipe' }).length > 0;
  } catch {
    return false;
  }
};

/** Signs, draws, imports, exports and sends, on all addresses of the machine. */
async function work(t: Test, url: string, output: string): Promise<void> {
  const key = { authorization: `Bearer ${secretKeyIn(output)}` };
  t.equal((await post(`${url}${PETITION}/signatures`, body('ada@example.org'))).status, 202);
  t.equal((await fetch(`${url}${PETITION}/og.png`)).status, 200);
  const csv = {
    method: 'POST',
    headers: { ...key, 'content-type': 'text/csv' },
    body: 'email,name,country\nd@x.org,Dan,NL\n',
  };
  t.equal(
    (await fetch(`${url}/v1/signatures/import?petition=${PETITION.split('/').pop()}`, csv)).status,
    200,
  );
  const file = await fetch(`${url}/v1/signatures/export?petition=${PETITION.split('/').pop()}`, {
    headers: key,
  });
  t.match(await file.text(), 'ada@example.org');
  t.equal((await post(`${url}/v1/manage-links`, { email: 'ada@example.org' })).status, 202);
}

t.test('the systemd unit starts what is there, and allows what the server does', async (t) => {
  const [start = ''] = valuesOf('ExecStart');
  t.match(start, manifest['bin'].undersigned.replace(/^\.\//, ''));
  t.match(valuesOf('Environment'), ['NODE_ENV=production']);
  const missing = ['strace', 'systemd-analyze'].find((program) => !has(program));
  if (missing) return t.comment(`what the server calls is not looked at: there is no ${missing}`);

  const folder = home(t);
  const log = join(folder, 'calls');
  const under = ['strace', '-f', '-qq', '-o', log];
  const server = await serve(t, folder, { HOST: '0.0.0.0', PUBLIC_URL: 'http://127.0.0.1' }, under);
  const { port } = new URL(server.url);
  t.ok(isHealthy(port), 'the health check of the image finds it');
  await work(t, `http://127.0.0.1:${port}`, server.output());
  await until(() => existsSync(join(folder, 'data/mail')), 'a mail');
  process.kill(Number(/"pid":(\d+)/.exec(server.output())?.[1]), 'SIGTERM');
  await inTime(server.exit, 'the end');
  t.notOk(isHealthy(port), 'and does not find it any more');

  const said = readFileSync(log, 'utf8');
  const used = new Set([...said.matchAll(/^\d+ +([a-z]\w+)\(/gm)].map(([, call = '']) => call));
  t.ok(used.has('fdatasync') && used.size > 50, `${used.size} calls`);
  const allowed = allowedCalls();
  // SQLite gives its files to the owner of the database where it is root, as in CI. The service is not.
  if (process.getuid?.() === 0) allowed.add('fchown');
  t.same(
    [...used].filter((call) => !allowed.has(call)),
    [],
    'no call is refused',
  );
  const [families = ''] = valuesOf('RestrictAddressFamilies');
  const sockets = new Set([...said.matchAll(/socket\((AF_\w+)/g)].map(([, family = '']) => family));
  t.same(
    [...sockets].filter((family) => !families.split(' ').includes(family)),
    [],
    'nor a kind of socket',
  );
});
