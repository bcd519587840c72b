import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statfsSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { packageRoot } from '../src/package.js';
import {
  body,
  cli,
  cliInto,
  FAST,
  get,
  home,
  load,
  PETITION,
  post,
  query,
  serve,
  SIGNERS,
} from './support/process.js';
import { inTime, lookFor, until } from './support/until.js';

/*
 * A disk that is full and a disk that fails, made by the kernel: it takes root and mount, and strace. Where they are not
 * there the tests say so and are skipped.
 */
function missing(what: string, works: () => unknown): string | false {
  try {
    works();
    return false;
  } catch {
    const notice = `${what} cannot be used here: what the disk does is NOT tested`;
    console.error(`\n${'!'.repeat(80)}\n!! ${notice}.\n${'!'.repeat(80)}\n`);
    return notice;
  }
}

const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'pipe' });

const noMount = missing('mount', () => {
  run('unshare', '--mount', 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', '/mnt');
});
const noStrace = missing('strace', () =>
  run('strace', '-f', '-o', '/dev/null', '-e', 'inject=fsync:error=EIO', 'true'),
);

/** Makes long lines of the log. */
const ID = 'x'.repeat(64);

const storedIn = async (url: string) => (await query(url, SIGNERS)).map(({ delivery }) => String(delivery));

/** A disk of three megabytes, and how to fill it. */
function smallDisk(t: Test, folder: string) {
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  run('mount', '-t', 'tmpfs', '-o', 'size=3m', 'none', disk);
  t.teardown(() => run('umount', '--lazy', disk));
  const ballast = join(disk, 'ballast');
  const fill = () => {
    // The server, too, takes space meanwhile and gives it back.
    for (let full = false; !full;) {
      try {
        appendFileSync(ballast, Buffer.alloc(4096));
      } catch {
        full = true;
      }
    }
    t.ok(statfsSync(disk).bavail < 4);
  };
  return { disk, ballast, fill };
}

/** The links to "my data" that people have asked for, out of the folder of mails. */
async function manageLinks(url: string, folder: string, emails: string[]) {
  const mails = join(folder, 'data/mail');
  for (const email of emails) await post(`${url}/v1/manage-links`, { email });
  const links = new Map<string, string>();
  const read = () => {
    for (const file of existsSync(mails) ? readdirSync(mails) : []) {
      const text = readFileSync(join(mails, file), 'utf8').replaceAll(/=\r\n/g, '');
      const [, to = ''] = /^To: <?([^>\r]+)/m.exec(text) ?? [];
      const [link] = /pm_[A-Za-z0-9_-]{44}/.exec(text) ?? [];
      if (link !== undefined) links.set(to, link);
    }
    return links.size >= emails.length;
  };
  await until(read, 'a link for each', { everyMs: 20 });
  return emails.map((email) => ({ email, link: links.get(email) ?? '' }));
}

/** Withdraws a signature, perhaps, and has all that is known erased. Returns the statuses. */
async function leave(url: string, link: string, atOnce: boolean): Promise<number[]> {
  const begun = await post(`${url}/v1/sessions`, { token: link });
  const { session_token: token } = (await begun.json()) as { session_token: string };
  const statuses = [begun.status];
  const ask = async (method: string, path: string) => {
    const response = await fetch(`${url}/v1/me${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
    });
    statuses.push(response.status);
  };
  const { json } = await get(`${url}/v1/me/signatures`, token);
  if (!atOnce) await ask('DELETE', `/signatures/${json.data[0].id}`);
  await ask('DELETE', '');
  return statuses;
}

/** Which of the words are still in a file, after a moment. */
async function bytesOf(folder: string, words: Iterable<string>): Promise<string[]> {
  const found = () => {
    const files = readdirSync(folder).filter((file) => file.startsWith('full.db'));
    const bytes = files.map((file) => readFileSync(join(folder, file)));
    return [...words].filter((word) => bytes.some((data) => data.includes(word)));
  };
  await lookFor(() => found().length === 0, { withinMs: 10_000, everyMs: 20 });
  return found();
}

t.test(
  'a full disk: reads go on, writes are refused, and it heals by itself',
  { skip: noMount },
  async (t) => {
    const folder = home(t);
    const { disk, ballast, fill } = smallDisk(t, folder);

    const DATABASE_URL = `file:${disk}/full.db`;
    const ERASURE_JOURNAL = join(disk, 'erasures.log');
    const server = await serve(t, folder, { ...FAST, DATABASE_URL, ERASURE_JOURNAL });
    const acknowledged: string[] = [];
    const erased = new Set<string>();
    let withdrawn = 0;
    const refusals: { status: number; code: string; retryAfter: string | null }[] = [];
    let n = 0;
    const sign = async () => {
      const email = `full-${(n += 1)}@load.example`;
      const response = await post(`${server.url}${PETITION}/signatures`, body(email));
      const { code } = (await response.json()) as { code: string };
      if (response.status === 202) acknowledged.push(email);
      else refusals.push({ status: response.status, code, retryAfter: response.headers.get('retry-after') });
    };
    const untilRefused = async () => {
      const before = refusals.length;
      for (let i = 0; i < 2000 && refusals.length < before + 5; i += 1) await sign();
    };

    for (let i = 0; i < 20; i += 1) await sign();
    t.equal(acknowledged.length, 20);
    const links = await manageLinks(server.url, folder, acknowledged.slice(0, 12));
    for (const round of ['the first time', 'the second time']) {
      fill();
      await untilRefused();
      t.ok(refusals.length > 0, `${round} it refuses, after ${acknowledged.length}`);
      for (const path of [PETITION, `${PETITION}/signatures`, '/readyz']) {
        t.equal((await get(`${server.url}${path}`)).status, 200, path);
      }
      const { json } = await get(`${server.url}${PETITION}/counts`);
      t.equal(json.confirmed, acknowledged.length - withdrawn, 'the count is right');
      for (let i = 0; i < 6; i += 1) {
        const { email, link } = links.pop()!;
        t.same(await leave(server.url, link, i % 2 === 0), i % 2 === 0 ? [201, 204] : [201, 200, 204]);
        withdrawn += i % 2;
        erased.add(email);
      }
      t.same(await bytesOf(disk, erased), [], 'nothing is left of who was erased on a full disk');
      if (round === 'the second time') break;
      unlinkSync(ballast);
      const before = acknowledged.length;
      // The reserve is kept first.
      const isAccepted = async () => {
        await sign();
        return acknowledged.length > before;
      };
      await until(isAccepted, 'it accepts again', { everyMs: 20 });
      t.equal(acknowledged.length, before + 1, 'there is room again: it accepts again');
    }
    const kinds = [...new Set(refusals.map((refusal) => JSON.stringify(refusal)))];
    t.same(kinds, [JSON.stringify({ status: 507, code: 'storage_full', retryAfter: '60' })]);

    t.same(await server.end('SIGTERM'), { code: 0, signal: null }, 'it ends well on a full disk');
    unlinkSync(ballast);
    const stored = (await storedIn(DATABASE_URL)).filter((delivery) => delivery !== '');
    t.same(stored.sort(), acknowledged.filter((email) => !erased.has(email)).sort());
    t.equal(readFileSync(ERASURE_JOURNAL, 'utf8').trim().split('\n').length, erased.size);
    t.same(await query(DATABASE_URL, 'pragma integrity_check'), [{ integrity_check: 'ok' }]);
    t.match(await cli(folder, { ...FAST, DATABASE_URL }, 'recount'), { code: 0 });
  },
);

t.test(
  'a full disk with the log on it holds up neither the server nor its end',
  { skip: noMount },
  async (t) => {
    const folder = home(t);
    const { disk, ballast, fill } = smallDisk(t, folder);
    const log = join(disk, 'server.log');
    const server = await serve(t, folder, { ...FAST, DATABASE_URL: `file:${disk}/full.db` }, [], log);
    const sign = async (email: string) =>
      (await post(`${server.url}${PETITION}/signatures`, body(email), { 'x-request-id': ID })).status;
    fill();
    const statuses = new Set<number>();
    for (let i = 0; i < 4000 && !statuses.has(507); i += 1) statuses.add(await sign(`log-${i}@load.example`));
    t.ok(statuses.has(507));
    // Many more lines than may wait.
    const signUntil = async (done: () => boolean) => {
      for (let i = 0; i < 400 && !done(); i += 1) {
        await Promise.all(Array.from({ length: 50 }, (_, n) => sign(`more-${i}-${n}@load.example`)));
      }
    };
    let dropped = 0;
    const metric = async () => {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      dropped = Number(/^log_dropped_total (\d+)$/m.exec(text)?.[1]);
    };
    await signUntil(() => (void metric(), dropped > 0));
    t.ok(dropped > 0, `${dropped} lines were dropped`);
    t.equal((await get(`${server.url}${PETITION}`)).status, 200, 'reads go on');

    unlinkSync(ballast);
    const said = /"lines":(\d+),"msg":"lines of the log were dropped/;
    await until(() => said.test(server.output()), 'how many lines were dropped', { everyMs: 20 });
    t.ok(
      Number(said.exec(server.output())?.[1]) >= dropped,
      'how many were dropped is said when there is room',
    );
    const lines = server
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    t.ok(
      lines.every((line) => JSON.parse(line).level > 0),
      'and no line is half there',
    );

    fill();
    for (let i = 0; i < 20; i += 1) await sign(`last-${i}@load.example`);
    const from = Date.now();
    t.same(await server.end('SIGTERM'), { code: 0, signal: null });
    t.ok(Date.now() - from < 25_000, `it took ${Date.now() - from} ms`);
  },
);

t.test('a command whose words cannot be written fails', { skip: noMount }, async (t) => {
  const folder = home(t);
  const { disk, fill } = smallDisk(t, folder);
  await cli(folder, FAST, 'migrate');
  await cli(folder, FAST, 'organizations', 'create', '--name', 'Meadows');
  fill();
  const out = openSync(join(disk, 'key'), 'a');
  const made = await cliInto(out, folder, FAST, 'keys', 'create', '--organization', 'meadows');
  t.match(made, { code: 1, stderr: /^undersigned: what it says cannot be written \(ENOSPC\)$/m });
});

t.test(
  'a disk that fails to sync: nothing more is acknowledged, and the process ends',
  { skip: noStrace },
  async (t) => {
    const folder = home(t);
    const DATABASE_URL = `file:${folder}/failing.db`;
    const env = { ...FAST, DATABASE_URL };
    // Made before, so that it is the server's own syncs that are counted.
    await cli(folder, env, 'migrate');
    const inject = ['-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:error=EIO:when=150+'];
    const server = await serve(t, folder, env, [
      'strace',
      '-f',
      '--seccomp-bpf',
      '-o',
      '/dev/null',
      ...inject,
    ]);
    const running = load(server.url, { clients: 4, prefix: 'sync' });
    const exit = await inTime(server.exit, 'its end');
    t.same(exit, { code: 74, signal: null }, 'EX_IOERR');
    await running.done;
    t.ok(running.acknowledged.size > 0, `${running.acknowledged.size} were acknowledged before`);
    t.equal(running.afterRefusal, 0, 'and nobody after the first who was refused');
    t.ok(running.others['503 storage_unavailable'], JSON.stringify(running.others));
    t.match(server.output(), /"level":60.*"EIO".*the disk failed/);

    const again = await serve(t, folder, env);
    const stored = new Set(await storedIn(DATABASE_URL));
    t.same(
      [...running.acknowledged].filter((email) => !stored.has(email)),
      [],
      'all of them are there',
    );
    t.match((await get(`${again.url}${PETITION}/counts`)).json, { confirmed: stored.size });
    await again.end('SIGTERM');
    t.match(await cli(folder, env, 'recount'), { code: 0 });
  },
);

t.test('the store thread ends by an error: nothing more is acknowledged, and the process ends', async (t) => {
  const folder = home(t);
  const DATABASE_URL = `file:${folder}/thread.db`;
  const END_STORE_THREAD = join(folder, 'end');
  const preload = new URL('test/fixtures/end-store-thread.mjs', packageRoot).href;
  const env = { ...FAST, DATABASE_URL, END_STORE_THREAD, NODE_OPTIONS: `--import=${preload}` };
  const server = await serve(t, folder, env);
  const running = load(server.url, { clients: 20, prefix: 'thread' });
  await until(() => running.acknowledged.size > 200, 'two hundred that are acknowledged');
  writeFileSync(END_STORE_THREAD, '');
  const exit = await inTime(server.exit, 'its end');
  t.same(exit, { code: 74, signal: null }, 'EX_IOERR');
  await running.done;
  t.equal(running.afterRefusal, 0, 'nobody after the first who was refused');
  t.match(server.output(), /"level":60.*ended by the test.*the store thread ended/);
  t.notMatch(server.output(), /@load\.example/);

  const again = await serve(t, folder, { ...FAST, DATABASE_URL });
  const stored = await storedIn(DATABASE_URL);
  t.equal(new Set(stored).size, stored.length, 'nobody has signed twice');
  t.same(
    [...running.acknowledged].filter((email) => !stored.includes(email)),
    [],
    `all of ${running.acknowledged.size} are there`,
  );
  t.match((await get(`${again.url}${PETITION}/counts`)).json, { confirmed: stored.length });
  await again.end('SIGTERM');
  t.match(await cli(folder, { ...FAST, DATABASE_URL }, 'recount'), { code: 0 });
});
