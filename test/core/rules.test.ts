import fc from 'fast-check';
import t from 'tap';
import { PETITION_STATUSES } from '../../schema/db/tables/petitions.js';
import { hasLink } from '../../src/core/brakes/links-in-names.js';
import { nextMilestone } from '../../src/core/counts/counts.js';
import { decodeCursor, encodeCursor } from '../../src/core/cursor.js';
import { clusterOf, parseEmail } from '../../src/core/email.js';
import { e164Of } from '../../src/core/phones.js';
import { isWellFormedKey } from '../../src/core/organization/key-tokens.js';
import { citedNumbers, renderBackground } from '../../src/core/petitions/markdown.js';
import { assertMove } from '../../src/core/petitions/petition-life.js';
import { foldWords, searchText, wordPatterns } from '../../src/core/petitions/search-words.js';
import { createSealer } from '../../src/core/sealer.js';
import { initials } from '../../src/core/signatures/signatures.js';

t.test('addresses: what is one person and where mail goes', (t) => {
  t.same(parseEmail(' Ada.Lovelace+tag@Example.ORG '), {
    delivery: 'Ada.Lovelace+tag@example.org',
    identity: 'ada.lovelace+tag@example.org',
  });
  t.same(parseEmail('a@münchen.example')?.identity, 'a@xn--mnchen-3ya.example');
  t.ok(parseEmail(`${'x'.repeat(64)}@example.org`));
  for (const bad of [
    '',
    '@',
    'a@',
    '@b.org',
    'a@b',
    'a@-b.org',
    'a@b-.org',
    'a@b..org',
    '.a@b.org',
    'a.@b.org',
    'a b@c.org',
    'a@b.123',
    'a@127.0.0.1',
    'a@[::1]',
    'a@b.org:25',
    'a@%62.org',
    'a,b@c.org',
    'a@b@',
    'ü@b.org',
    `${'x'.repeat(65)}@b.org`,
    `a@${'b'.repeat(64)}.org`,
    `a@${'b.'.repeat(126)}org`,
  ]) {
    t.equal(parseEmail(bad), undefined, bad);
  }
  t.end();
});

t.test('addresses: the spellings of one mailbox, as providers document them', (t) => {
  for (const [mailbox, ...spellings] of [
    ['janedoe@gmail.com', 'jane.doe@gmail.com', 'j.anedoe+a+b@googlemail.com', 'janedoe+@gmail.com'],
    ['jane@outlook.com', 'jane+news@outlook.com'],
    ['jane.doe@hotmail.com', 'jane.doe+1@hotmail.com'],
    ['jane@icloud.com', 'jane@me.com', 'jane+x@mac.com'],
    ['jane@fastmail.com', 'jane+x@fastmail.com', 'anything@jane.fastmail.com', 'x+y@jane.fastmail.com'],
    ['janedoe@proton.me', 'jane.doe@proton.me', 'jane_doe@pm.me', 'ja-nedoe+x@protonmail.com'],
    ['jane@yahoo.com', 'jane-shops@yahoo.com', 'jane-a-b@yahoo.com'],
    ['jane@yahoo.co.uk', 'jane-shops@yahoo.co.uk'],
    ['jane-doe@yandex.ru', 'jane.doe@yandex.ru', 'jane.doe@ya.ru', 'jane-doe+x@yandex.com'],
    ['jane@example.org', 'jane+x@example.org', 'jane+x+y@example.org'],
  ] as const) {
    for (const spelling of [mailbox, ...spellings]) t.equal(clusterOf(spelling), mailbox, spelling);
  }
  for (const alone of [
    'jane.doe@outlook.com',
    'jane-doe@gmail.com',
    'jane-doe@example.org',
    'jane.doe@example.org',
    'jane@a.b.fastmail.com',
    'jane-doe@yahoo.example.org',
    'jane@notgmail.com',
    '+jane@example.org',
    '-jane@yahoo.com',
    '---@proton.me',
  ]) {
    t.equal(clusterOf(alone), alone);
  }
  t.equal(
    clusterOf('test:7:tag@jane.fastmail.com'),
    'test:7:jane@fastmail.com',
    'in a test, apart from people',
  );
  t.equal(clusterOf('test:7:j.ane+x@gmail.com'), 'test:7:jane@gmail.com');
  t.notSame(clusterOf('jane@hotmail.com'), clusterOf('jane@outlook.com'), 'other people');
  fc.assert(
    fc.property(fc.emailAddress(), (typed) => {
      const email = parseEmail(typed);
      // Of a mailbox the plain spelling is one, too.
      return !email || clusterOf(clusterOf(email.identity)) === clusterOf(email.identity);
    }),
  );
  t.end();
});

t.test('addresses: whatever is accepted is accepted again, the same', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.emailAddress(),
        fc.string({ unit: 'binary' }),
        fc.tuple(fc.string(), fc.domain()).map(([a, b]) => `${a}@${b}`),
      ),
      (typed) => {
        const email = parseEmail(typed);
        if (!email) return true;
        const ascii = [...email.delivery].every((letter) => letter > ' ' && letter <= '~');
        return (
          ascii &&
          email.delivery.length <= 254 &&
          parseEmail(email.delivery)?.identity === email.identity &&
          parseEmail(email.identity)?.delivery === email.identity
        );
      },
    ),
    { numRuns: 2000 },
  );
  t.end();
});

t.test('words: case, accents and scripts', (t) => {
  t.same(foldWords('Save the ÉLAN, don’t  wait—100%!'), ['save', 'the', 'elan', 'don', 't', 'wait', '100']);
  t.same(foldWords('Straße Łódź Ærø'), ['strasse', 'lodz', 'aero']);
  t.ok(foldWords('保护老磨坊草地').length > 1, 'scripts without spaces have words too');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const stored = searchText(text);
      return wordPatterns(text).every(
        (pattern) => stored.includes(pattern.slice(1, -1)) && !/[%_\\]/.test(pattern.slice(1, -1)),
      );
    }),
    { numRuns: 1000 },
  );
  t.end();
});

t.test('initials: of any name, and never the name', (t) => {
  t.equal(initials('Ada King Lovelace'), 'A. K. L.');
  t.equal(initials('  jean-luc  o’neill '), 'J. L. O.');
  t.equal(initials('李 明'), '李. 明.');
  t.equal(initials('a b c d e f'), 'A. B. C. D.');
  t.equal(initials('"Ann" (Bea)'), 'A. B.');
  t.equal(initials('!!!'), '');
  t.end();
});

t.test('background: Markdown in, safe HTML out', (t) => {
  const source =
    '# One\n\nSee[^2] and[^1] again[^2]. `[^9]`\n\n![x](https://a.example/t.gif)\n\n<b onclick=x>hi</b>';
  const html = renderBackground(source);
  const cited = citedNumbers(source);
  t.same(cited, [1, 2]);
  t.match(html, '<h2>One</h2>');
  t.match(html, '<sup><a href="#reference-2">2</a></sup>');
  t.match(html, '<code>[^9]</code>');
  t.notMatch(html, /<img|<b |onclick="/);
  const attacks = fc.constantFrom(
    '<script>',
    'javascript:',
    '](',
    '[',
    '!',
    '"',
    "'",
    '`',
    '<',
    '>',
    '&#x6a;',
    'data:text/html,',
    '\n',
    '*',
    'onerror=',
    'https://a.example',
    'x',
  );
  fc.assert(
    fc.property(fc.array(attacks, { maxLength: 30 }), (parts) => {
      const out = renderBackground(parts.join(''));
      return (
        !/<script|<img|<iframe|<style|href="(?!https?:|mailto:|#reference-)/i.test(out) &&
        !/<[^>]*\son\w+=/i.test(out)
      );
    }),
    { numRuns: 1000 },
  );
  t.end();
});

t.test('life: every move that is not allowed names those that are', (t) => {
  const allowed = PETITION_STATUSES.flatMap((from) =>
    PETITION_STATUSES.filter((to) => {
      try {
        assertMove(from, to);
        return true;
      } catch {
        return false;
      }
    }).map((to) => `${from}>${to}`),
  );
  t.same(allowed, [
    'draft>published',
    'draft>taken_down',
    'published>closed',
    'published>taken_down',
    'closed>archived',
    'closed>taken_down',
    'archived>taken_down',
  ]);
  t.end();
});

t.test('milestones: the next step is above the count', (t) => {
  t.equal(nextMilestone([10, 100], 0), 10);
  t.equal(nextMilestone([10, 100], 10), 100);
  t.equal(nextMilestone([10, 100], 100), null);
  t.equal(nextMilestone([], 5), null);
  t.end();
});

t.test('cursors: only for their own list, and only as they were made', (t) => {
  const cursor = encodeCursor('list', ['a', 7]);
  t.same(decodeCursor('list', cursor, ['', 0]), ['a', 7]);
  t.equal(decodeCursor('list', undefined, [0]), undefined);
  for (const [list, text, shape] of [
    ['other', cursor, ['', 0]],
    ['list', cursor, [0, 0]],
    ['list', cursor, ['']],
    ['list', encodeCursor('list', [1.5]), [0]],
  ] as const) {
    t.throws(() => decodeCursor(list, text, shape as never), { code: 'invalid_cursor' });
  }
  fc.assert(
    fc.property(fc.string(), (junk) => {
      try {
        decodeCursor('list', junk, [0]);
        return false;
      } catch (error) {
        return (error as { code?: string }).code === 'invalid_cursor';
      }
    }),
  );
  t.end();
});

t.test('receipts: fresh, of one length, and only as they were sealed', (t) => {
  const sealer = createSealer(Buffer.alloc(32, 1));
  const receipt = sealer.receipt(12345);
  t.equal(sealer.openReceipt(receipt), 12345);
  t.not(sealer.receipt(12345), receipt);
  t.equal(sealer.receipt(Number.MAX_SAFE_INTEGER).length, receipt.length);
  t.equal(createSealer(Buffer.alloc(32, 2)).openReceipt(receipt), undefined, 'another installation');
  const bytes = Buffer.from(receipt.slice(3), 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    t.equal(sealer.openReceipt(`rc_${flipped.toString('base64url')}`), undefined);
  }
  for (const junk of [
    `${receipt}A`,
    receipt.slice(0, -1),
    `sk_${receipt.slice(3)}`,
    `${receipt}=`,
    receipt.replace('rc_', 'rc_ '),
    '',
  ]) {
    t.equal(sealer.openReceipt(junk), undefined, junk);
  }
  t.end();
});

t.test('keys: a mistyped letter is found without the database', (t) => {
  const key = 'sk_000000000000000000000000000000000AAAAA';
  t.equal(isWellFormedKey(key), false);
  for (const junk of ['', 'sk_', 'xk_00000000000000000000000000000000000000']) {
    t.equal(isWellFormedKey(junk), false);
  }
  t.end();
});

t.test('names: what is an advertisement, however its dots and letters are written', (t) => {
  for (const name of [
    'evil.com',
    'evil\u2024com',
    'evil\u3002com',
    'evil\uff0ecom',
    'evil\uff61com',
    'evil\ufe52com',
    'evil\u00b7com',
    'evil\u2022com',
    'ｅｖｉｌ．ｃｏｍ',
    'ⓔⓥⓘⓛ.com',
    'evil.c\u200bom',
    'ev\u00adil.com',
    'evil.\u2060com',
    'Buy at evil.com.au now',
    'evil[.]com',
    'evil(dot)com',
    'evil { dot } com',
    'evil dot com',
    'hxxp://evil',
    'hxxps:evil',
    'HTTP:\\\\evil',
    'http:／／evil',
    'evil.page／x',
    'evil.page\u2044x',
    'mailto:a',
    'сайт.рф',
    'example.中国',
    'xn--e1afmkfd.xn--p1ai',
    'www\u3002evil',
    'a@evil\u3002example',
  ]) {
    t.ok(hasLink(name), name);
  }
  for (const name of [
    'J.R. Tolkien',
    'J.R.R. Tolkien',
    'St.John',
    'Dr.Smith',
    'Anna-Maria d.',
    'Jan.de Vries',
    'Ada B.Sc.',
    'M.Sc. Ada',
    'Dipl.Ing. Ada',
    'Gal·la Placídia',
    'Marcel·lí Pol·lux',
    'ジョン・スミス',
    'מ. כהן',
    'ה\u05c5ב',
    'A/B Testman',
    'Ada: mother of two',
    'Dorothy Dot Commons',
    'O’Neill, Mary-Kate (Mrs.)',
    '王。',
    'محمد۔ علی',
  ]) {
    t.notOk(hasLink(name), name);
  }
  t.end();
});

t.test('phone numbers in E.164', (t) => {
  for (const [typed, country, locale, read] of [
    ['+31 20 555 0123', null, 'en', '+31205550123'],
    ['+31 (0)20-555 0123', 'US', 'en', '+31205550123'],
    ['020.555/0123', 'NL', 'de-AT', '+31205550123'],
    ['030 1234567', null, 'de-AT', '+43301234567'],
    ['030 1234567', null, 'sr-Latn-RS', '+381301234567'],
    ['030 1234567', null, 'de', null],
    ['(555) 123-4567', 'US', 'en', '+15551234567'],
    ['0049 30 1234567', null, 'en', '+49301234567'],
    ['0049 30 1234567', 'US', 'en', '+49301234567'],
    ['011 44 20 7946 0018', 'US', 'en', '+442079460018'],
    ['020 7946 0018 ext. 12', 'GB', 'en', '+442079460018'],
    ['020 7946 0018;12', 'GB', 'en', '+442079460018'],
    ['020 7946 0018#7', 'GB', 'en', '+442079460018'],
    ['06 12345678', 'IT', 'it', '+390612345678'],
    ['044 123 456', 'XK', 'sq', '+38344123456'],
    ['555-1234', 'US', 'en', null],
    ['+999 12345678', null, 'en', null],
    ['12345678', 'AQ', 'en', null],
    ['0000', 'NL', 'nl', null],
  ] as const) {
    t.equal(e164Of(typed, country, locale), read, `${typed}, ${country ?? locale}`);
  }
  t.equal(e164Of(null, 'NL'), null);
  fc.assert(
    fc.property(fc.string(), fc.constantFrom('NL', 'US', 'AQ', 'XK', null), (text, country) =>
      /^(?:\+[1-9][0-9]{4,14}|null)$/.test(String(e164Of(text, country))),
    ),
    { numRuns: 2000 },
  );
  t.end();
});
