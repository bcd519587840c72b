import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { startLmtp } from '../src/start-lmtp.js';
import { onEveryEngine, start } from './support/helper.js';
import { mailReport } from './support/mail-reports.js';
import { insertMailing, insertRecipients, subscribe } from './support/mailing-result-rows.js';

/** Says lines to an LMTP server, each after the answer to the one before. Returns the answers. */
async function converse(
  to: { path: string } | { port: number; host: string },
  lines: string[],
): Promise<string[]> {
  const socket = createConnection(to as { path: string });
  const answers: string[] = [];
  let [buffer, next] = ['', 0];
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.on('data', (data) => {
      buffer += String(data);
      for (let end = buffer.indexOf('\r\n'); end >= 0; end = buffer.indexOf('\r\n')) {
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        if (line[3] === '-') continue;
        answers.push(line);
        const said = lines[next];
        next += 1;
        if (said === undefined) socket.end();
        else socket.write(`${said}\r\n`);
      }
    });
  });
  return answers;
}

const recipientIn = (mail: string): string =>
  /bounces\+b-[a-z2-7]{26}@campaign\.example/.exec(mail)?.[0] ?? 'nobody@campaign.example';

const handIn = (mail: string, recipient = recipientIn(mail)): string[] => [
  'LHLO mx.campaign.example',
  'MAIL FROM:<>',
  `RCPT TO:<${recipient}>`,
  'DATA',
  `${mail.replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..')}\r\n.`,
  'QUIT',
];

onEveryEngine('bounces by LMTP', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const other = await api.organization('Others');
  const emails = ['ada', 'bo', 'cy', 'dee', 'eli'].map((name) => `${name}@example.org`);
  await subscribe(api, lead, emails);
  await subscribe(api, other, emails);
  const mailing = await insertMailing(api, lead);
  const keys = await insertRecipients(api, mailing, emails);
  const keyOf = (name: string) => keys.get(`${name}@example.org`) ?? 0;
  const warnings: unknown[] = [];
  const logger = { warn: (...said: unknown[]) => void warnings.push(said) };
  const config = { LMTP_LISTEN: '127.0.0.1:0', MAIL_BOUNCE_ADDRESS: 'bounces@campaign.example' };
  const lmtp = await startLmtp({ config, ctx: api.app.ctx, logger });
  t.teardown(() => lmtp.stop());
  const to = { host: '127.0.0.1', port: lmtp.port ?? 0 };
  const resultOf = async (name: string) => {
    const { mailingRecipients: r } = api.store.tables;
    const [row] = await api.store.read.db
      .select()
      .from(r)
      .where(eq(r.key, keyOf(name)));
    return row?.result;
  };

  await t.test('a bounce is taken, and counted once', async (t) => {
    const said = handIn(mailReport('postfix-unknown', keyOf('ada')));
    t.match((await converse(to, said))[5], /^250 .*bounced/);
    t.equal(await resultOf('ada'), 'bounced');
    t.match((await converse(to, said))[5], /^250 .*repeated/);
    // An old Exim names no one but in the envelope.
    const plain = mailReport('qmail-no-code', 0).replace(/b-[a-z2-7]{26}/g, 'removed');
    const recipient = recipientIn(mailReport('qmail', keyOf('bo')));
    t.match((await converse(to, handIn(plain, recipient)))[5], /^250 .*bounced/, 'the envelope is enough');
    t.equal(await resultOf('bo'), 'bounced');
  });

  await t.test('whoever has a mail can end one list alone: each recipient is credited', async (t) => {
    const { doNotContact, subscriptions: s, supporters: p } = api.store.tables;
    const [first, second] = ['dee', 'eli'].map((name) => recipientIn(mailReport('qmail', keyOf(name))));
    const [lhlo = '', from = '', rcpt = '', ...rest] = handIn(mailReport('arf-abuse', keyOf('dee')), first);
    const both = [lhlo, from, rcpt, rcpt.replace(first ?? '', second ?? ''), ...rest];
    const said = await converse(to, both);
    t.same(said.filter((line) => /complained/.test(line)).length, 2, said.join('|'));
    for (const name of ['dee', 'eli']) {
      t.equal(await resultOf(name), 'complained');
      const rows = await api.store.read.db
        .select({ status: s.status, of: s.organizationKey })
        .from(s)
        .innerJoin(p, eq(p.key, s.supporterKey))
        .where(eq(p.identity, `${name}@example.org`));
      t.equal(rows.find(({ of }) => of === lead.key)?.status, 'suppressed');
      t.equal(rows.find(({ of }) => of === other.key)?.status, 'active');
    }
    t.same(await api.store.read.db.select().from(doNotContact), []);
  });

  await t.test('mail for others is not taken, and letters of people go back', async (t) => {
    const foreign = await converse(to, handIn('Subject: hi\n\nhi', 'rita@campaign.example').slice(0, 3));
    t.match(foreign[3], /^550 .*No such mailbox/);
    const human = await converse(to, handIn(mailReport('human-reply', keyOf('cy'))));
    t.match(human[5], /^550 .*bounces and complaints/);
    const away = await converse(to, handIn(mailReport('out-of-office', keyOf('cy'))));
    t.match(away[5], /^250 .*auto_reply/);
    const own = mailReport('exim-old', 999_999);
    t.match((await converse(to, handIn(own, 'Bounces@campaign.example')))[5], /^550/, 'of no recipient');
    t.equal(await resultOf('cy'), null);
  });

  await t.test('a large one is read to its end', async (t) => {
    const large = `${mailReport('gmail', keyOf('cy'))}\n${'x'.repeat(998).concat('\n').repeat(3000)}`;
    t.match(
      (await converse(to, handIn(large, recipientIn(mailReport('gmail', keyOf('cy'))))))[5],
      /^250 .*bounced/,
    );
    t.same(warnings, []);
  });

  await t.test('on a socket, also where a dead process has left one', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'undersigned-lmtp-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'lmtp');
    writeFileSync(path, '');
    const options = { config: { ...config, LMTP_LISTEN: path }, ctx: api.app.ctx, logger };
    const first = await startLmtp(options);
    t.match((await converse({ path }, handIn(mailReport('exim', keyOf('ada')))))[5], /^250 .*repeated/);
    await t.rejects(startLmtp(options), { code: 'EADDRINUSE' }, 'another process listens');
    await first.stop();
    t.notOk(existsSync(path));
  });
});
