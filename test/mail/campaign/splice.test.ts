import { createHash, createVerify, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import t from 'tap';
import { dkimKey, dkimSigner } from '../../../src/mail/campaign/dkim.js';
import { createHeaders } from '../../../src/mail/campaign/headers.js';
import { htmlEngine, plainEngine } from '../../../src/mail/campaign/liquid.js';
import { encodeQuotedPrintable } from '../../../src/mail/campaign/quoted-printable.js';
import { createBody, onOneLine } from '../../../src/mail/campaign/splice.js';

const NAMES = ['first_name', 'name', 'country', 'petition_url'] as const;

/** Text with all that quoted-printable has rules for, and no Liquid. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\n',
        '.',
        '..',
        '=',
        ' ',
        '\t',
        ' \n',
        '\n.',
        '=3D',
        '<b>',
        '&',
        '"',
        'é',
        '漢字',
        '👩‍🌾',
        '\u2028',
      ),
      fc.string({ unit: 'grapheme-ascii', maxLength: 90 }),
      fc.string({ unit: 'grapheme', maxLength: 30 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) =>
    parts
      .join('')
      .replace(/[{}]/g, '')
      .replace(/(?![\n\t])\p{Cc}/gu, ''),
  );
const place = fc.oneof(
  fc.constantFrom(...NAMES).map((name) => `{{ ${name} }}`),
  fc.constantFrom(...NAMES).map((name) => `{{ ${name} | default: "friend" }}`),
  fc
    .tuple(fc.constantFrom(...NAMES), text)
    .map(([name, inside]) => `{% if ${name} %}${inside}{{ ${name} }}{% endif %}`),
);
const template = fc.array(fc.oneof(text, place), { maxLength: 10 }).map((parts) => parts.join(''));
const values = fc.record(
  Object.fromEntries(NAMES.map((name) => [name, fc.option(text)])) as Record<
    (typeof NAMES)[number],
    fc.Arbitrary<string | null>
  >,
);

const head = createHeaders(
  {
    from: 'petitions@meadows.example',
    variantId: 'mvr_1',
    mailingId: 'mlg_1',
    organization: { publicId: 'org_1', slug: 'meadows', name: 'Flüsse, "Auen" & Co' },
    host: 'petitions.example',
  },
  { senderName: 'Zoë, of the Meadows\r\nBcc: a@b.example', replyTo: 'hello@meadows.example' },
  { locale: 'de', subject: 'Hallo {{ name | default: "du" }}: rettet die Flüsse' },
);
const addressed = (values: Record<string, string | null>) => ({
  to: 'katy@example.net',
  messageId: 'abc',
  oneClickUrl: `https://petitions.example/v1/unsubscribe/pu_${'x'.repeat(64)}`,
  at: new Date('2026-11-28T04:00:00Z'),
  values,
});

function mailOf(html: string, text: string, values: Record<string, string | null>): string {
  const body = createBody({ html, text });
  const parts: Buffer[] = [];
  body.write(values, parts);
  return `${head(addressed(values))}${body.headers}\r\n${Buffer.concat(parts).toString('latin1')}`;
}

t.test('a spliced mail says what Liquid renders', async (t) => {
  await fc.assert(
    fc.asyncProperty(template, template, values, async (html, text, values) => {
      const raw = mailOf(html, text, values);
      const mail = await simpleParser(raw);
      const rendered = (engine: typeof htmlEngine, source: string) =>
        String(engine.parseAndRenderSync(source, values)).replace(/\r\n?/g, '\n');
      // The parser leaves out what is empty, and ends texts with a line break.
      const said = (part: string | false | undefined) => (part || '').replace(/\n+$/, '');
      t.equal(said(mail.html), rendered(htmlEngine, html).replace(/\n+$/, ''));
      t.equal(said(mail.text), rendered(plainEngine, text).replace(/\n+$/, ''));
      const body = raw.slice(raw.indexOf('\r\n\r\n'));
      for (const line of body.split('\r\n')) {
        if (line.length > 76 || line.startsWith('.') || /[\r\n]/.test(line)) {
          t.fail(`a line: ${JSON.stringify(line)}`);
        }
      }
      t.equal(mail.subject, onOneLine(`Hallo ${values.name || 'du'}: rettet die Flüsse`));
    }),
    { numRuns: 300 },
  );
});

t.test('every byte survives quoted-printable', (t) => {
  fc.assert(
    fc.property(text, (one) => {
      const encoded = encodeQuotedPrintable(one);
      const decoded = encoded
        .replace(/=\r\n/g, '')
        .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
      return Buffer.from(decoded, 'latin1').toString() === one.replace(/\n/g, '\r\n');
    }),
  );
  t.end();
});

t.test('the headers of a mailing', async (t) => {
  const raw = mailOf('<p>Hi</p>', 'Hi', { name: 'Eve\r\nBcc: evil@example.net' });
  const mail = await simpleParser(raw);
  const lines = raw.slice(0, raw.indexOf('\r\n\r\n')).split(/\r\n(?![ \t])/);
  t.same(
    lines.map((line) => line.slice(0, line.indexOf(':'))).sort(),
    [
      'Content-Language',
      'Content-Type',
      'Date',
      'Feedback-ID',
      'From',
      'List-Id',
      'List-Unsubscribe',
      'List-Unsubscribe-Post',
      'MIME-Version',
      'Message-ID',
      'Precedence',
      'Reply-To',
      'Subject',
      'To',
    ],
    'no Auto-Submitted, and nothing injected',
  );
  t.match(mail, {
    from: { value: [{ name: 'Zoë, of the Meadows Bcc: a@b.example', address: 'petitions@meadows.example' }] },
    replyTo: { value: [{ address: 'hello@meadows.example' }] },
    to: { value: [{ address: 'katy@example.net' }] },
    subject: 'Hallo Eve Bcc: evil@example.net: rettet die Flüsse',
    messageId: '<abc@meadows.example>',
    date: new Date('2026-11-28T04:00:00Z'),
  });
  t.equal(mail.bcc, undefined);
  t.match(mail.headers.get('list'), {
    id: { name: /^=\?UTF-8\?Q\?Fl=C3=BCsse/, id: 'meadows.petitions.example' },
    unsubscribe: { url: `https://petitions.example/v1/unsubscribe/pu_${'x'.repeat(64)}` },
    'unsubscribe-post': { name: 'List-Unsubscribe=One-Click' },
  });
  t.equal(mail.headers.get('precedence'), 'bulk');
  t.equal(mail.headers.get('feedback-id'), 'mvr_1:mlg_1:org_1:undersigned');
});

t.test('a signature of our own covers both headers for unsubscribing', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'dkim.pem');
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const settings = {
    MAIL_DKIM_DOMAIN: 'meadows.example',
    MAIL_DKIM_SELECTOR: 'm1',
    MAIL_DKIM_KEY_FILE: file,
  };
  const key = dkimKey(settings);
  if (!key) throw new Error('no key');
  const raw = mailOf('<p>Grüße  an {{ name }} \n\n</p>', 'Hi\n.\n', { name: 'Zoë' });
  const signed = (await dkimSigner(key)(Buffer.from(raw))).toString('latin1');
  t.equal(signed.slice(-raw.length), raw, 'the message itself is unchanged');

  // As RFC 6376 says, by hand: relaxed/relaxed.
  const [head = '', body = ''] = [
    signed.slice(0, signed.indexOf('\r\n\r\n')),
    signed.slice(signed.indexOf('\r\n\r\n') + 4),
  ];
  const headers = head
    .split(/\r\n(?![ \t])/)
    .map(
      (line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1)] as const,
    );
  const relaxed = (value: string) =>
    value
      .replace(/\r\n/g, '')
      .replace(/[ \t]+/g, ' ')
      .trim();
  const signature = headers.find(([name]) => name === 'dkim-signature')?.[1] ?? '';
  const tag = (name: string) =>
    new RegExp(`(?:^|;)\\s*${name}=([^;]*)`)
      .exec(signature.replace(/\r\n\s*/g, ' '))?.[1]
      ?.replace(/\s/g, '') ?? '';
  t.match(
    [tag('d'), tag('s'), tag('a'), tag('c')],
    ['meadows.example', 'm1', 'rsa-sha256', 'relaxed/relaxed'],
  );
  const covered = tag('h').toLowerCase().split(':');
  for (const name of [
    'from',
    'to',
    'subject',
    'date',
    'message-id',
    'list-unsubscribe',
    'list-unsubscribe-post',
    'list-id',
  ]) {
    t.ok(covered.includes(name), name);
  }
  const lines = body.split('\r\n').map((line) => line.replace(/[ \t]+/g, ' ').replace(/ $/, ''));
  const canonical = `${lines.join('\r\n').replace(/(?:\r\n)+$/, '')}\r\n`;
  t.equal(createHash('sha256').update(canonical, 'latin1').digest('base64'), tag('bh'));
  const used = new Map<string, number>();
  const said = covered.flatMap((name) => {
    const all = headers.filter(([one]) => one === name);
    const nth = used.get(name) ?? 0;
    used.set(name, nth + 1);
    const value = all[all.length - 1 - nth]?.[1];
    return value === undefined ? [] : `${name}:${relaxed(value)}\r\n`;
  });
  const own = `dkim-signature:${relaxed(signature.replace(/(\bb=)[^;]*$/, '$1'))}`;
  const verifies = (text: string) =>
    createVerify('RSA-SHA256').update(text, 'latin1').verify(publicKey, tag('b'), 'base64');
  t.ok(verifies(said.join('') + own));
  t.notOk(verifies(said.join('').replace('One-Click', 'Two-Clicks') + own), 'it does see a change');

  t.equal(dkimKey({ MAIL_DKIM_DOMAIN: '', MAIL_DKIM_SELECTOR: '', MAIL_DKIM_KEY_FILE: '' }), undefined);
  t.throws(() => dkimKey({ ...settings, MAIL_DKIM_SELECTOR: '' }), /go together/);
  t.throws(
    () => dkimKey({ ...settings, MAIL_DKIM_KEY_FILE: join(folder, 'none') }),
    /MAIL_DKIM_KEY_FILE.*ENOENT/,
  );
  writeFileSync(file, 'no key');
  t.throws(() => dkimKey(settings), /holds no private key/);
  writeFileSync(file, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  t.throws(() => dkimKey(settings), /RSA/);
});
