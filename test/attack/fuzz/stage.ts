import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { startPostgres } from '../../../scripts/postgres.js';
import { openFile } from '../../../src/store/sqlite-driver.js';
import type { Json } from './document.js';
import type { Credentials } from './requests.js';
import { lookFor } from '../../support/until.js';

const MAIN = fileURLToPath(new URL('../../../dist/src/cli/main.js', import.meta.url));

export type EngineName = 'sqlite' | 'postgres';
export type Stage = {
  url: string;
  /** What everybody may use, by name. */
  who: Credentials;
  /** Keys that everything would stand still without: the ids are not to be revoked. */
  kept: Set<string>;
  output: () => string;
  command: (...args: string[]) => Promise<{ code: number; text: string }>;
  /** What is in the database but for what reading may write: figures of clicks, and when a key was last used. */
  digest: () => Promise<Map<string, string>>;
  /** The mails that have come since it was asked last. */
  newMails: () => string[];
  mailsOut: () => Promise<void>;
  stop: () => Promise<{ code: number | null }>;
  remove: () => Promise<void>;
};

/** The built server as a process, in a folder of its own that is removed in the end. */
export async function openStage(engine: EngineName): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-fuzz-'));
  const postgres = engine === 'postgres' ? await startPostgres() : undefined;
  if (engine === 'postgres' && !postgres) throw new Error('no PostgreSQL server was found: install one');
  const database = postgres?.url ?? `file:${join(folder, 'fuzz.db')}`;
  const env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    PORT: '0',
    DATABASE_URL: database,
    POSTGRES_ALLOW_UNSAFE: 'true',
    RATE_LIMIT: 'false',
    MAIL_DOMAIN_RATE: '1000000/60',
    MAX_WAIT_MS: '60000',
  };
  const child = spawn(process.execPath, [MAIN, 'serve'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'close').then(([code]) => ({ code: code as number | null }));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (output += String(data)));
  }
  const remove = async () => {
    child.kill('SIGKILL');
    await exit;
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const listens = () => /listens on (\S+)[^]*openapi\.yaml\n/.exec(output)?.[1];
    await lookFor(() => listens() !== undefined || child.exitCode !== null, { withinMs: 60_000 });
    const url = listens();
    if (url === undefined) throw new Error(`the server did not start: ${output}`);
    const command: Stage['command'] = (...args) =>
      new Promise((resolve) =>
        execFile(process.execPath, [MAIN, ...args], { cwd: folder, env }, (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr }),
        ),
      );
    const { who, kept } = await cast(url, output, command);
    const started = output.length;
    let mails = 0;
    return {
      url,
      who,
      kept,
      output: () => output.slice(started),
      command,
      digest: () => digestOf(database),
      newMails: () => {
        const names = readdirSync(join(folder, 'data/mail')).sort().slice(mails);
        mails += names.length;
        return names.slice(-100).map((name) => readFileSync(join(folder, 'data/mail', name), 'utf8'));
      },
      mailsOut: async () => {
        const isOut = async () => /^mail_queued 0$/m.test(await (await fetch(`${url}/metrics`)).text());
        await lookFor(isOut, { withinMs: 60_000, everyMs: 100 });
      },
      stop: () => {
        child.kill('SIGTERM');
        return exit;
      },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Who asks: nobody, keys of the lead, a partner and others, with all scopes and with one. */
async function cast(url: string, output: string, command: Stage['command']) {
  const lead = /\bsk_[0-9A-Za-z]{38}\b/.exec(output)?.[0] ?? '';
  const page = /\bpk_[0-9A-Za-z]{38}\b/.exec(output)?.[0] ?? '';
  const created = await command('organizations', 'create', '--name', 'Far Away');
  const slug = created.text.trim().split(/\s+/)[1] ?? '';
  const secretOf = async (organization: string) =>
    /\bsk_[0-9A-Za-z]{38}\b/.exec(
      (await command('keys', 'create', '--organization', organization)).text,
    )?.[0] ?? '';
  const [partner, foreign] = await Promise.all([secretOf('ewe-anglers'), secretOf(slug)]);
  const ask = async (method: string, path: string, key: string, body?: unknown): Promise<Json> => {
    const response = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await response.json()) as Json;
  };
  const scoped = async (...scopes: string[]) =>
    (await ask('POST', '/v1/api-keys', lead, { kind: 'secret', name: 'one scope', scopes }))[
      'token'
    ] as string;
  const who: Credentials = new Map<string, string | undefined>([
    ['nobody', undefined],
    ['page of the partner', page],
    ['secret of the lead', lead],
    ['secret of the partner', partner],
    ['secret of others', foreign],
    ['secret that moderates', await scoped('signatures:moderate')],
    ['secret that reads', await scoped('signatures:read')],
  ]);
  const kept = new Set<string>();
  for (const key of [lead, partner, foreign]) {
    for (const { id } of (await ask('GET', '/v1/api-keys?limit=100', key))['data'] as Json[]) {
      kept.add(id as string);
    }
  }
  return { who, kept };
}

// The first link key is made when a link is first asked for.
const FIGURES = /click|share_figures|sqlite_|key_figures|link_keys/;

async function digestOf(database: string): Promise<Map<string, string>> {
  const rows = await readAll(database);
  return new Map(
    [...rows].map(([table, lines]) => {
      const texts = lines.map((row) =>
        JSON.stringify(row, (name, value: unknown) =>
          /^last_used_at$|^clicks$|^requests$/.test(name)
            ? 0
            : typeof value === 'bigint'
              ? String(value)
              : value,
        ),
      );
      return [table, createHash('sha256').update(texts.sort().join('\n')).digest('hex')];
    }),
  );
}

async function readAll(database: string): Promise<Map<string, unknown[]>> {
  const tables = new Map<string, unknown[]>();
  if (database.startsWith('file:')) {
    const connection = openFile(database.slice('file:'.length), { readonly: true });
    const names = connection
      .prepare("select name from sqlite_master where type = 'table'")
      .pluck()
      .all() as string[];
    for (const name of names.filter((one) => !FIGURES.test(one))) {
      tables.set(name, connection.prepare(`select * from "${name}"`).all());
    }
    connection.close();
    return tables;
  }
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'public'",
  );
  for (const { name } of rows.filter((one) => !FIGURES.test(one.name))) {
    tables.set(name, (await client.query(`select * from "${name}"`)).rows);
  }
  await client.end();
  return tables;
}
