import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { readVerp, verpAddress } from '../../../src/core/links/verp.js';
import { readMailReport, type MailReport } from '../../../src/core/mailing-results/mail-report.js';
import { createSecrets } from '../../../src/core/secrets.js';
import { verdictOf } from '../../../src/core/sending/verdicts.js';
import { packageRoot } from '../../../src/package.js';

const FOLDER = new URL('test/fixtures/mail-reports/', packageRoot);
const names = readdirSync(FOLDER).map((name) => name.replace('.eml', ''));
const ctx = { secrets: createSecrets(Buffer.alloc(32, 7)) };
const CODE = /b-[a-z2-7]{26}/.exec(verpAddress(ctx, 'x@y', 4711))?.[0] ?? '';

const sample = (name: string): string =>
  readFileSync(new URL(`${name}.eml`, FOLDER), 'latin1')
    .replaceAll('b-CODE', CODE)
    .replaceAll('B-CODE', CODE.toUpperCase());

const summary = (report: MailReport): string => {
  const kind = report.kind === 'bounce' ? verdictOf(report.failure) : report.kind;
  const found = report.places.findIndex((place) => readVerp(ctx, place) === 4711);
  return report.kind === 'none' ? report.why : `${kind}${found < 0 ? ' of others' : ''}`;
};

const EXPECTED: Record<string, string> = {
  'arf-abuse': 'complaint',
  'arf-auth-failure': 'no_complaint',
  'arf-not-spam': 'no_complaint',
  'arf-redacted': 'complaint',
  'exchange-german': 'hard',
  exim: 'hard',
  'exim-old': 'hard',
  gmail: 'hard',
  'gmail-refused': 'refused',
  'human-reply': 'no_report',
  japanese: 'hard',
  'out-of-office': 'auto_reply',
  'postfix-delayed': 'delayed',
  'postfix-delivered': 'delivered',
  'postfix-expired': 'soft',
  'postfix-foreign': 'hard of others',
  'postfix-full': 'soft',
  'postfix-pipe': 'hard',
  'postfix-unknown': 'hard',
  'postfix-victim': 'hard',
  qmail: 'hard',
  'qmail-no-code': 'hard',
  'read-receipt': 'auto_reply',
  sendmail: 'hard',
  smtputf8: 'hard',
  'vacation-old': 'auto_reply',
};

t.test('what mail servers send is understood, with either end of line', async (t) => {
  t.same(names.sort(), Object.keys(EXPECTED).sort());
  for (const name of names) {
    const mail = sample(name);
    for (const text of [mail, mail.replaceAll('\n', '\r\n')]) {
      t.equal(summary(await readMailReport(Buffer.from(text, 'latin1'))), EXPECTED[name], name);
    }
  }
});

t.test('cut off anywhere, or with bytes that are wrong, nothing becomes of it that it was not', async (t) => {
  const outcomes = new Map<string, number>();
  const note = async (name: string, mail: Buffer) => {
    const began = performance.now();
    const found = summary(await readMailReport(mail));
    if (performance.now() - began > 2000) t.fail(`${name} took ${performance.now() - began} ms`);
    outcomes.set(found, (outcomes.get(found) ?? 0) + 1);
    return found;
  };
  for (const name of names.filter((one) => !/hard|refused|soft|complaint/.test(EXPECTED[one] ?? ''))) {
    for (let part = 1; part < 20; part += 1) {
      const mail = sample(name);
      const found = await note(name, Buffer.from(mail.slice(0, (mail.length * part) / 20), 'latin1'));
      if (/hard|complaint|refused/.test(found)) t.fail(`${name}, cut at ${part}/20: ${found}`);
    }
  }
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...names),
      fc.array(fc.tuple(fc.nat(4000), fc.uint8Array({ maxLength: 20 })), { maxLength: 12 }),
      async (name, changes) => {
        const mail = Buffer.from(sample(name), 'latin1');
        for (const [at, bytes] of changes) mail.set(bytes, Math.min(at, mail.length - bytes.length));
        await note(name, mail);
      },
    ),
    { numRuns: 150 },
  );
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (bytes) => {
      await note('noise', Buffer.from(bytes));
    }),
    { numRuns: 100 },
  );
  t.ok(outcomes.size > 3, JSON.stringify([...outcomes]));
});

t.test('what is made to take long or much is over soon', async (t) => {
  const report = 'Content-Type: multipart/report; boundary=b\n\n';
  const deep = Array.from(
    { length: 3000 },
    (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`,
  );
  const hostile: Record<string, string> = {
    'no end of header': `Subject: ${'x'.repeat(900_000)}`,
    'many headers': 'To: a@b\n'.repeat(120_000),
    'a long list of addresses': `To: ${'a@b.example, '.repeat(60_000)}\n\nx`,
    'nested comments': `From: ${'('.repeat(400_000)}\n\nx`,
    quotes: `From: ${'"\\'.repeat(400_000)}\n\nx`,
    deep: deep.join(''),
    'many parts': report + '--b\nContent-Type: text/plain\n\nx\n'.repeat(20_000),
    'many boundaries': report + '--b\n'.repeat(250_000),
    'HTML without end': `Content-Type: text/html\n\n${'<div><a href="x'.repeat(60_000)}`,
    'a status of one line': `${report}--b\nContent-Type: message/delivery-status\n\n${'5.1.'.repeat(200_000)}`,
    folds: `${report}--b\nContent-Type: message/delivery-status\n\nStatus: ${'\n '.repeat(400_000)}5.1.1`,
    'empty groups': `${report}--b\nContent-Type: message/delivery-status\n\n${' \n'.repeat(400_000)}`,
    dashes: `X-Failed-Recipients: a@b\n\n${'-'.repeat(900_000)}`,
    base64: `${report}--b\nContent-Transfer-Encoding: base64\nContent-Type: message/rfc822\n\n${'===='.repeat(200_000)}`,
    'encoded words': `Subject: ${'=?utf-8?B?AAAA?= '.repeat(50_000)}\n\nx`,
    parameters: `Content-Type: multipart/report; ${'x*0*=a;'.repeat(100_000)}\n\nx`,
    nothing: '',
    NUL: '\0'.repeat(900_000),
    'a huge one': `${report}${'x'.repeat(20_000_000)}`,
  };
  for (const [name, mail] of Object.entries(hostile)) {
    const began = performance.now();
    t.not((await readMailReport(Buffer.from(mail))).kind, 'complaint', name);
    const took = performance.now() - began;
    t.ok(took < 3000, `${name}: ${Math.round(took)} ms`);
    t.comment(`${name}: ${Math.round(took)} ms`);
  }
});

t.test('codes decide what a failure means', (t) => {
  const cases: [status: string, diagnostic: string, verdict: string][] = [
    ['5.1.1', '', 'hard'],
    ['5.1.10', '', 'hard'],
    ['5.1.7', 'bad sender', 'refused'],
    ['5.2.1', '', 'hard'],
    ['5.2.2', 'full', 'soft'],
    ['5.3.4', 'too big', 'soft'],
    ['5.4.1', '550 5.4.1 Recipient address rejected: Access denied', 'hard'],
    ['5.4.1', 'no answer', 'soft'],
    ['5.4.4', '', 'hard'],
    ['5.7.1', '550 5.7.1 blocked', 'refused'],
    ['5.7.26', 'unauthenticated', 'refused'],
    ['4.4.7', 'expired', 'soft'],
    ['4.7.0', 'greylisted', 'refused'],
    ['5.0.0', 'smtp; 550 5.1.1 no such user', 'hard'],
    ['5.0.0', '550 no such user', 'hard'],
    ['5.0.0', '550 rejected as spam', 'refused'],
    ['5.5.0', '550 5.5.0 Requested action not taken: mailbox unavailable', 'hard'],
    ['', '552 mailbox full', 'soft'],
    ['', '554 transaction failed', 'refused'],
    ['', '556 domain takes no mail', 'hard'],
    ['', '550 5.1.1 <ada@example.org>: unknown', 'hard'],
    ['', 'Sorry, no mailbox here by that name. (#5.1.1)', 'hard'],
    ['5.0.0', 'mx[203.0.113.5]:587 (Exim 4.94.2) said nothing', 'soft'],
    ['', '', 'soft'],
    ['abc', 'not a code', 'soft'],
  ];
  for (const [status, diagnostic, verdict] of cases) {
    t.equal(verdictOf({ status, diagnostic }), verdict, `${status} ${diagnostic}`);
  }
  t.end();
});
