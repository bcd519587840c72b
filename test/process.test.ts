import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { openFile } from '../src/store/sqlite-driver.js';
import { onEveryEngine } from './support/helper.js';
import {
  body,
  cli,
  FAST,
  get,
  home,
  load,
  oneLine,
  PETITION,
  query,
  secretKeyIn,
  serve,
  SIGNERS,
} from './support/process.js';
import { until } from './support/until.js';

t.test('the first start explains itself, and the second keeps what the first has stored', async (t) => {
  const folder = home(t);
  const first = await serve(t, folder);
  const key = secretKeyIn(first.output());
  t.ok(key, 'it prints a key');
  t.equal(statSync(join(folder, 'data/root.key')).mode & 0o777, 0o600);

  const commands = first
    .output()
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('curl'));
  t.equal(commands.length, 5);
  const answers: string[] = [];
  for (const command of commands) {
    const answer = await new Promise<string>((resolve, reject) =>
      execFile('sh', ['-c', command.replace(/^curl/, 'curl -sS --fail-with-body')], (error, stdout) =>
        error ? reject(new Error(`${command}\n${error.message}\n${stdout}`)) : resolve(stdout),
      ),
    );
    answers.push(answer);
  }
  const [petition, signed, counts, signers, organiser] = answers.map((text) => JSON.parse(text));
  t.match(petition, { slug: 'save-the-old-mill-meadows', status: 'published' });
  t.match(signed, { next: 'done', receipt: /^rc_/ });
  t.match(counts, { confirmed: 1 });
  t.match(JSON.stringify(signers), '"A. O."');
  t.notMatch(JSON.stringify(signers), 'ada@example.org');
  t.match(JSON.stringify(organiser), 'ada@example.org');
  t.same(await first.end('SIGTERM'), { code: 0, signal: null });
  t.same(
    readdirSync(join(folder, 'data')).sort(),
    ['root.key', 'undersigned.db'],
    'it cleans up after itself',
  );

  const second = await serve(t, folder);
  t.notMatch(second.output(), /[sp]k_|curl/, 'no keys are printed');
  t.match((await get(`${second.url}${PETITION}/counts`)).json, { confirmed: 1 });
  const listed = await get(`${second.url}/v1/signatures?petition=save-the-old-mill-meadows`, key);
  t.equal(listed.status, 200, 'the first key is still good');

  const { port } = new URL(second.url);
  const third = await cli(folder, { PORT: port }, 'serve');
  oneLine(t, third, new RegExp(`port ${port} is taken: set PORT to another`), 'a third on the same port');
  t.equal((await get(`${second.url}${PETITION}/counts`)).status, 200, 'leaves the second alone');
  t.same(await second.end('SIGINT'), { code: 0, signal: null });
});

onEveryEngine('SIGTERM under load: every request is answered or refused', async (t, engine) => {
  const folder = home(t);
  const DATABASE_URL = await engine.database(t);
  const server = await serve(t, folder, { ...FAST, DATABASE_URL });

  // A client whose answer was on its way when the signal came, and who then keeps its connection and is silent.
  const { hostname, port } = new URL(server.url);
  const silent = createConnection(Number(port), hostname);
  let heard = '';
  silent.on('data', (data) => (heard += String(data))).on('error', () => undefined);
  silent.write(`GET /livez HTTP/1.1\r\nHost: x\r\n\r\n`);

  const running = load(server.url, { clients: 25, prefix: 'term' });
  await until(() => running.acknowledged.size > 50, '50 that are acknowledged');
  t.match(heard, /200 OK/);

  // Another one is slow: half of its request comes before the signal, the rest after everybody else has gone.
  const slow = createConnection(Number(port), hostname);
  let answer = '';
  slow.on('data', (data) => (answer += String(data)));
  const text = JSON.stringify(body('slow@load.example'));
  slow.write(
    `POST ${PETITION}/signatures HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
      `Expect: 100-continue\r\nContent-Length: ${text.length}\r\n\r\n${text.slice(0, 10)}`,
  );
  await until(() => answer.startsWith('HTTP/1.1 100 '), 'that the server has the first half');

  const from = Date.now();
  server.process.kill('SIGTERM');
  await running.done;
  slow.write(text.slice(10));
  const exit = await server.exit;
  const took = Date.now() - from;
  t.same(exit, { code: 0, signal: null }, server.output());
  t.ok(took < 25_000, `it took ${took} ms`);

  const { ECONNREFUSED, '503 shutting_down': refused, ...others } = running.others;
  t.same(others, {}, 'nobody was left without an answer');
  t.ok(ECONNREFUSED, `${refused ?? 0} were told that it stops, then connections were refused`);
  const stored = (await query(DATABASE_URL, SIGNERS)).map(({ delivery }) => String(delivery));
  t.equal(stored.length, new Set(stored).size);
  t.match(answer, /\r\n\r\nHTTP\/1\.1 202 /, 'the slow one has its answer');
  const acknowledged = [...running.acknowledged, 'slow@load.example'];
  t.same(stored.sort(), acknowledged.sort(), 'what is stored is what was acknowledged');
});

/** That a column is not there. */
const UNKNOWN_COLUMN = { sqlite: /SQLITE_ERROR/, postgres: /42703/ };

async function change(url: string, sql: string): Promise<void> {
  if (url.startsWith('file:')) openFile(url.slice('file:'.length)).exec(sql).close();
  else await query(url, sql);
}

onEveryEngine('kill -9 under load: nothing acknowledged is lost or doubled', async (t, engine) => {
  const folder = home(t);
  const DATABASE_URL = await engine.database(t);
  const env = { ...FAST, DATABASE_URL };
  const acknowledged = new Set<string>();
  for (let cycle = 0; cycle < 3; cycle += 1) {
    const server = await serve(t, folder, env);
    const running = load(server.url, { clients: 20, prefix: `kill-${cycle}` });
    const enough = 1 + Math.floor(Math.random() * 200);
    await until(() => running.acknowledged.size >= enough, `${enough} that are acknowledged`);
    t.same(await server.end('SIGKILL'), { code: null, signal: 'SIGKILL' });
    await running.done;
    t.same(
      Object.keys(running.others).filter((what) => /^\d/.test(what)),
      [],
      'no answer but 202',
    );
    for (const email of running.acknowledged) acknowledged.add(email);
  }
  if (engine.name === 'sqlite') {
    t.same(await query(DATABASE_URL, 'pragma integrity_check'), [{ integrity_check: 'ok' }]);
  }
  const recount = await cli(folder, env, 'recount');
  t.same(recount, { code: 0, stdout: 'Every counter equals its rows.\n', stderr: '' });

  const server = await serve(t, folder, env);
  const stored = (await query(DATABASE_URL, SIGNERS)).map(({ delivery }) => String(delivery));
  const set = new Set(stored);
  t.equal(stored.length, set.size, 'nobody has signed twice');
  t.same(
    [...acknowledged].filter((email) => !set.has(email)),
    [],
    `${acknowledged.size} are there`,
  );
  t.match((await get(`${server.url}${PETITION}/counts`)).json, { confirmed: stored.length });
  t.equal((await server.end('SIGTERM')).code, 0);

  // And recount would have told of a drift, and a broken database is told of without the values.
  const first = '(select min(shard) from petition_counts)';
  await change(DATABASE_URL, `update petition_counts set confirmed = confirmed + 1 where shard = ${first}`);
  const { code, stdout } = await cli(folder, env, 'recount');
  t.equal(code, 1);
  t.match(stdout, /^pet_\w{26} confirmed: the counter says \d+, the rows are \d+\n/);

  await change(DATABASE_URL, 'alter table organizations rename column url to link');
  const broken = await cli(folder, env, 'organizations', 'create', '--name', 'Distinctive Friends');
  oneLine(t, broken, UNKNOWN_COLUMN[engine.name], 'an error of the database');
  t.notMatch(broken.stderr, /distinctive/i);
});
