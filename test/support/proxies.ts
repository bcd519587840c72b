import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import { delimiter, join } from 'node:path';
import type { Test } from 'tap';
import { packageRoot } from '../../src/package.js';
import { home } from './process.js';
import { lookFor } from './until.js';

/*
 * nginx and Caddy with the examples of deploy/, of which only names, ports and paths are replaced.
 *
 * REQUIRE_PROXIES=1  fail, rather than skip the tests, when a program is missing
 */

export type ProxyName = 'nginx' | 'caddy';

const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
const found = (program: string): string | undefined =>
  FOLDERS.map((folder) => join(folder, program)).find((path) => existsSync(path));

/** Tells which program is missing, and that the tests are skipped: loudly. */
export function missingProxy(t: Test, name: ProxyName): string | false {
  const program = [name, 'openssl'].find((one) => found(one) === undefined);
  if (program === undefined) return false;
  const missing = `there is no ${program}: install it`;
  if (process.env['REQUIRE_PROXIES'] === '1') t.fail(`${missing} (REQUIRE_PROXIES=1)`);
  else console.error(`\n${'!'.repeat(80)}\n!! Tests of ${name} SKIPPED: ${missing}.\n${'!'.repeat(80)}\n`);
  return missing;
}

export type Certificate = { key: string; file: string };

/** A certificate for localhost, signed by itself, as files. `days`: until it ends. */
export function makeCertificate(folder: string, days = 90): Certificate {
  const [key, file] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
  const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -addext ${names}`;
  execFileSync('openssl', [...args.split(' '), '-days', String(days), '-keyout', key, '-out', file], {
    stdio: 'ignore',
  });
  return { key, file };
}

type Ports = { https: number; http: number; upstream: number };
type Parts = Ports & { folder: string; certificate: Certificate };

const example = (name: string): string => readFileSync(new URL(`deploy/${name}`, packageRoot), 'utf8');

/** Takes the `#` from the lines that follow this comment. */
function uncomment(text: string, heading: RegExp): string {
  const lines = text.split('\n');
  const from = lines.findIndex((line) => heading.test(line)) + 1;
  if (from === 0) throw new Error(`the example has lost ${heading}`);
  return lines.map((line, i) => (i < from ? line : line.replace(/^(\s*)# ?/, '$1'))).join('\n');
}

/** Replaces what has to be there. */
const replaced = (text: string, pairs: [RegExp, string][]): string =>
  pairs.reduce((result, [pattern, by]) => {
    if (!pattern.test(result)) throw new Error(`the example has lost ${pattern}`);
    return result.replace(pattern, by);
  }, text);

function nginxConfig({ folder, certificate, https, http, upstream }: Parts, prefixed: boolean): string {
  let site = example('nginx.conf');
  if (prefixed) site = uncomment(site, /# Under a prefix instead/).replace(/ {2}location \/ \{[^}]*\}\n/, '');
  site = replaced(site, [
    [/petitions\.example/g, 'localhost'],
    [/listen \[::\].*\n/g, ''],
    [/listen 80;/, `listen 127.0.0.1:${http};`],
    [/listen 443 /, `listen 127.0.0.1:${https} `],
    [/server 127\.0\.0\.1:3000;/, `server 127.0.0.1:${upstream};`],
    [/ssl_certificate .*;/, `ssl_certificate ${certificate.file};`],
    [/ssl_certificate_key .*;/, `ssl_certificate_key ${certificate.key};`],
  ]);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${join(folder, name)};`)
    .join('\n');
  // What Debian's nginx.conf has around it, in one process that writes into this folder alone.
  return `daemon off;
master_process off;
pid ${join(folder, 'nginx.pid')};
error_log stderr warn;
events {}
http {
${temporary}
  access_log off;
  gzip on;
  default_type application/octet-stream;
${site}
}
`;
}

function caddyConfig({ certificate, https, http, upstream }: Parts, prefixed: boolean): string {
  let site = example('Caddyfile');
  if (prefixed) {
    site = uncomment(site, /# Under a prefix instead/).replace(/^petitions\.example \{[^]*?^\}\n/m, '');
  }
  site = replaced(site, [
    [/^petitions\.example \{/m, `localhost {\n\ttls ${certificate.file} ${certificate.key}`],
    [/127\.0\.0\.1:3000/, `127.0.0.1:${upstream}`],
  ]);
  const options = ['admin off', 'default_bind 127.0.0.1', `https_port ${https}`];
  return `{\n${[...options, `http_port ${http}`].map((line) => `\t${line}\n`).join('')}}\n${site}`;
}

/** Starts it and waits until it answers. The site below the prefix is the example's other half. */
export async function startProxy(
  t: Test,
  name: ProxyName,
  ports: Ports,
  prefixed: boolean,
): Promise<Certificate> {
  const folder = home(t);
  const certificate = makeCertificate(folder);
  const parts = { ...ports, folder, certificate };
  const file = join(folder, name === 'nginx' ? 'nginx.conf' : 'Caddyfile');
  writeFileSync(file, name === 'nginx' ? nginxConfig(parts, prefixed) : caddyConfig(parts, prefixed));
  mkdirSync(join(folder, 'home'));
  const args =
    name === 'nginx'
      ? ['-c', file, '-p', folder, '-e', 'stderr']
      : ['run', '--config', file, '--adapter', 'caddyfile'];
  const child = spawn(found(name) ?? name, args, {
    env: { HOME: join(folder, 'home'), PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (said += String(data)));
  }
  const ended = once(child, 'close');
  t.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  const url = `https://localhost:${ports.https}/`;
  const answers = () =>
    child.exitCode !== null ||
    visit(certificate, url).then(
      () => true,
      () => false,
    );
  await lookFor(answers, { everyMs: 50 });
  if (child.exitCode !== null) throw new Error(`${name} did not start: ${said}`);
  return certificate;
}

export type Visit = {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** The address of this machine that it comes from. */
  from?: string;
};
export type Visited = { status: number; headers: IncomingHttpHeaders; bytes: Buffer };

/** Sends a request and hands out the answer as it comes. Fails where the certificate is another. */
export async function open(
  certificate: Certificate,
  url: string,
  visit: Visit = {},
): Promise<IncomingMessage> {
  const { method = 'GET', headers = {}, body, from } = visit;
  const { protocol, host } = new URL(url);
  const options = {
    method,
    headers: { host, ...headers },
    agent: false,
    ...(from === undefined ? {} : { localAddress: from }),
  };
  const there = url.replace('//localhost', '//127.0.0.1');
  const outgoing =
    protocol === 'http:'
      ? request(there, options)
      : requestTls(there, { ...options, servername: 'localhost', ca: readFileSync(certificate.file) });
  outgoing.end(body);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  return answer;
}

/** The same, with all of the answer. */
export async function visit(certificate: Certificate, url: string, how: Visit = {}): Promise<Visited> {
  const answer = await open(certificate, url, how);
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return { status: answer.statusCode ?? 0, headers: answer.headers, bytes: Buffer.concat(parts) };
}
