import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openWire } from '../../../src/mail/campaign/open-wire.js';
import { smtpWire } from '../../../src/mail/campaign/wire.js';

/* What a failure at each point of the dialogue means: decided either way, or uncertain. */

type Point = 'connect' | 'EHLO' | 'MAIL' | 'RCPT' | 'DATA' | 'body' | 'dot';
/** A reply, or `drop`: the connection breaks. */
type Answers = Partial<Record<Point, string>>;

const USUAL: Record<Point, string> = {
  connect: '220 hello',
  EHLO: '250 hello',
  MAIL: '250 ok',
  RCPT: '250 ok',
  DATA: '354 go on',
  body: '',
  dot: '250 taken',
};

/** A server that says what it is told to. `taken`: messages that it has whole. */
async function scripted(t: Test, pipelining: boolean) {
  const self = { answers: {} as Answers, taken: 0, connections: 0, port: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    self.connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    let rest = '';
    let isData = false;
    let refused = false;
    const answer = (point: Point): boolean => {
      const reply = self.answers[point] ?? USUAL[point];
      if (reply === 'drop') socket.destroy();
      else if (reply === 'hang') socket.pause();
      else if (reply !== '') socket.write(`${reply}\r\n`);
      if (reply.startsWith('421')) socket.end();
      return reply !== 'drop' && reply !== 'hang';
    };
    socket.on('data', (chunk: Buffer) => {
      rest += chunk.toString('latin1');
      for (;;) {
        const end = rest.indexOf(isData ? '\r\n.\r\n' : '\r\n');
        if (isData && self.answers.body !== undefined) return void answer('body');
        if (end < 0) return;
        const line = rest.slice(0, end);
        rest = rest.slice(end + (isData ? 5 : 2));
        if (isData) {
          isData = false;
          self.taken += 1;
          if (!answer('dot')) return;
          continue;
        }
        const verb = line.slice(0, 4).toUpperCase();
        if (verb === 'EHLO' && pipelining) socket.write('250-PIPELINING\r\n');
        if (verb === 'RSET' || verb === 'QUIT') socket.write('250 ok\r\n');
        else if (verb === 'DATA' && refused) socket.write('503 no recipient\r\n');
        else if (!answer(verb as Point)) return;
        const reply = self.answers[verb as Point] ?? USUAL[verb as Point];
        if (verb === 'MAIL' || verb === 'RCPT') {
          refused = (verb === 'RCPT' && refused) || !reply.startsWith('2');
        }
        if (verb === 'DATA') isData = !refused && reply.startsWith('3');
      }
    });
    answer('connect');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  self.port = (server.address() as AddressInfo).port;
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return self;
}

const ENVELOPE = { from: 'bounces@meadows.example', to: 'katy@example.net' };
const MESSAGE = Buffer.from(`Subject: Hi\r\n\r\n${'Keep the meadows.\r\n'.repeat(100)}`);

for (const pipelining of [true, false]) {
  t.test(`what a failure means ${pipelining ? 'with' : 'without'} PIPELINING`, async (t) => {
    const server = await scripted(t, pipelining);
    const wire = smtpWire({
      url: `smtp://127.0.0.1:${server.port}?ignoreTLS=true`,
      times: { socketTimeout: 300 },
    });
    t.teardown(() => wire.close());
    const attempt = (answers: Answers, message = MESSAGE) => {
      server.answers = answers;
      server.taken = 0;
      return wire.send(ENVELOPE, message);
    };

    const outage = { state: 'deferred', outage: true };
    const ours = { state: 'deferred', outage: undefined };
    const cases: [Answers, object, number?][] = [
      [{}, { state: 'sent' }, 1],
      [{ RCPT: '421 4.3.0 busy' }, { ...ours, reason: 'smtp_421' }],
      [{ RCPT: '451 4.7.1 later' }, { ...ours, reason: 'smtp_451', code: 451 }],
      [{ RCPT: '454 4.7.1 later' }, { ...ours, reason: 'smtp_454' }],
      [{ RCPT: '550 5.1.1 unknown' }, { state: 'failed', reason: 'smtp_550', badAddress: true }],
      [{ RCPT: '554 5.7.1 policy' }, { state: 'failed', reason: 'smtp_554', badAddress: undefined }],
      [{ MAIL: '421 4.3.0 busy' }, { state: 'deferred', reason: 'smtp_421' }],
      [{ MAIL: '451 4.3.0 busy' }, { ...outage, reason: 'smtp_451' }],
      [{ MAIL: '454 4.7.0 later' }, { ...outage, reason: 'smtp_454' }],
      [{ MAIL: '550 5.7.1 no' }, { ...outage, reason: 'smtp_550' }],
      [{ DATA: '421 4.3.0 busy' }, { ...ours, reason: 'smtp_421' }],
      [{ DATA: '451 4.3.0 busy' }, { ...ours, reason: 'smtp_451' }],
      [{ DATA: '554 5.3.0 no' }, { state: 'failed', reason: 'smtp_554' }],
      [{ dot: '421 4.3.0 busy' }, { ...ours, reason: 'smtp_421' }, 1],
      [{ dot: '451 4.3.0 busy' }, { ...ours, reason: 'smtp_451' }, 1],
      [{ dot: '454 4.7.0 throttled' }, { ...ours, reason: 'smtp_454' }, 1],
      [{ dot: '550 5.7.1 spam' }, { state: 'failed', reason: 'smtp_550', badAddress: undefined }, 1],
      [{ MAIL: 'drop' }, { state: 'deferred' }],
      [{ RCPT: 'drop' }, { state: 'deferred' }],
      [{ DATA: 'drop' }, { state: 'deferred' }],
      [{ dot: 'drop' }, { state: 'uncertain', reason: 'connection_lost' }, 1],
      [{ dot: 'hang' }, { state: 'uncertain', reason: 'timeout' }, 1],
      [{ RCPT: 'hang' }, { state: 'deferred', reason: 'timeout' }],
      [{}, { state: 'sent' }, 1],
    ];
    for (const [answers, outcome, taken = 0] of cases) {
      const name = JSON.stringify(answers);
      t.match(await attempt(answers), outcome, name);
      t.equal(server.taken, taken, `${name}: what the server has`);
    }

    await t.test('it breaks before the body is whole: not sent', async (t) => {
      // More than fits into the buffers between the two.
      const long = Buffer.from(`Subject: Hi\r\n\r\n${'Keep the meadows.\r\n'.repeat(2_000_000)}`);
      t.match(await attempt({ body: 'drop' }, long), { state: 'deferred' });
      t.match(await attempt({ body: 'hang' }, long), { state: 'deferred', reason: 'timeout' });
      t.equal(server.taken, 0);
    });

    await t.test('a kept connection that was closed meanwhile is replaced', async (t) => {
      t.match(await attempt({}), { state: 'sent' });
      const before = server.connections;
      t.match(await attempt({ MAIL: 'drop' }), { state: 'deferred' });
      t.equal(server.connections, before + 1, 'tried again on a new one, once');
    });

    await t.test('the server cannot be used', async (t) => {
      t.match(await attempt({ connect: '421 busy' }), { ...outage, reason: 'smtp_421' });
      t.match(await attempt({ connect: '554 no' }), { ...outage, reason: 'smtp_554' });
      t.match(await attempt({ connect: 'drop' }), { ...outage, reason: 'connection_lost' });
      t.match(await attempt({ EHLO: 'drop' }), { ...outage, reason: 'connection_lost' });
      const nothing = smtpWire({ url: 'smtp://127.0.0.1:1' });
      t.match(await nothing.send(ENVELOPE, MESSAGE), { ...outage, reason: 'connection_refused' });
    });

    await t.test('closing ends what is under way', async (t) => {
      t.match(await attempt({}), { state: 'sent' });
      const sending = attempt({ dot: 'hang' });
      while (server.taken === 0) await new Promise((resolve) => setImmediate(resolve));
      await wire.close();
      t.match(await sending, { state: 'uncertain' });
    });

    await t.test('nothing of what is closed keeps the process alive', async (t) => {
      const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
      await wire.close();
      const before = timers();
      t.match(await attempt({}), { state: 'sent' });
      t.equal(timers(), before + 1, 'the connection is kept for a while');
      await wire.close();
      t.equal(timers(), before);
    });
  });
}

t.test('without a mail server, mails are written to a folder', async (t) => {
  const folder = join(t.testdir(), 'data', 'mail');
  const wire = openWire({ SMTP_URL: '', MAIL_FOLDER: folder });
  const bytes = Buffer.from([...MESSAGE, 0xff, 0x00]);
  const modeOf = (path: string) => statSync(path).mode & 0o777;

  await t.test('each whole, in a file of its own that the owner alone may read', async (t) => {
    const sent = await Promise.all(Array.from({ length: 20 }, () => wire.send(ENVELOPE, bytes)));
    t.same(new Set(sent.map(({ state }) => state)), new Set(['sent']));
    const files = readdirSync(folder);
    t.equal(files.length, 20, 'no two share a name, and nothing unfinished is left');
    for (const file of files) {
      t.match(file, /^[\w-]+-mailing-\d+-\d+\.eml$/, 'neither an address nor a token');
      t.ok(readFileSync(join(folder, file)).equals(bytes));
      t.equal(modeOf(join(folder, file)), 0o600);
    }
    t.equal(modeOf(folder), 0o700);
    t.same(files, [...files].sort(), 'they sort by time');
  });

  await t.test('where that is impossible, all mails wait', async (t) => {
    const file = join(t.testdir(), 'file');
    writeFileSync(file, '');
    const blocked = openWire({ SMTP_URL: '', MAIL_FOLDER: join(file, 'mail') });
    t.same(await blocked.send(ENVELOPE, MESSAGE), { state: 'deferred', reason: 'folder', outage: true });
    t.equal(readFileSync(file, 'utf8'), '');
    await blocked.close();
  });

  await wire.close();
});
