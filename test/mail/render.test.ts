import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import nodemailer from 'nodemailer';
import t from 'tap';
import { escapeHtml } from '../../src/escape-html.js';
import { TEMPLATES, type Letter, type LetterValues, type Template } from '../../src/core/letters/letter.js';
import { loadLocales } from '../../src/mail/load-locales.js';
import { headerLine } from '../../src/mail/header-line.js';
import { createRenderer } from '../../src/mail/render.js';

const locales = loadLocales();
const render = createRenderer(locales);

const LINK = 'https://petitions.example/confirm?token=pc_q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2&a=b';
const PETITION = {
  title: 'Keep the Old Mill Meadows a meadow',
  statement: 'Build the depot elsewhere and leave the meadows to the river.',
  url: 'https://rivermeadows.example/meadows',
};
const ORGANIZATION = {
  name: 'River Meadows Alliance',
  url: 'https://rivermeadows.example',
  imprint: 'River Meadows Alliance\nMillgate 4, Ewehaven',
  replyTo: null,
};
const OPT_IN = { organization: 'Clean Rivers', text: 'Clean Rivers may e-mail me about its campaigns.' };

/** What src/core/letters/letter-writers.ts gives each template. */
const VALUES: Record<Template, LetterValues> = {
  confirm_signature: {
    link: LINK,
    code: '012345',
    petition: PETITION,
    opt_ins: [OPT_IN],
    reminder: false,
    days: 7,
  },
  confirm_subscription: {
    link: LINK,
    code: '012345',
    petition: null,
    opt_ins: [OPT_IN],
    reminder: false,
    hours: 72,
  },
  finish_signature: { link: PETITION.url, petition: PETITION },
  already_signed: { petition: PETITION },
  manage: { link: LINK, minutes: 30 },
  unsubscribe_links: { subscriptions: [{ organization: 'Clean Rivers', link: LINK }] },
  unsubscribed: { link: LINK, opt_ins: [OPT_IN], hours: 72 },
  email_apply: { link: LINK, minutes: 60 },
  email_notice: { link: LINK, days: 7 },
  delivery: {
    link: 'https://petitions.example/delivery?token=pd_x',
    petition: PETITION,
    letter: 'Dear **Mayor**,\n\nhere they are.',
    recipient: 'Ines Castell',
    number: 12_480,
    signatures: '12,480',
    date: '28 November 2026',
    expires: '28 December 2026',
  },
  email_undone: {},
};

const letter = (template: Template, fields: Partial<Letter> = {}): Letter => ({
  template,
  to: 'ada@example.org',
  messageId: 'dGhlIHNhbWUgYWx3YXlz',
  locale: 'en',
  organization: ORGANIZATION,
  values: VALUES[template],
  ...fields,
});

t.test('every mail in every language is whole', (t) => {
  for (const locale of locales.tags) {
    for (const template of TEMPLATES) {
      // Deliveries are always an organization's.
      for (const organization of template === 'delivery' ? [ORGANIZATION] : [ORGANIZATION, null]) {
        const { subject, html, text, sender, lang } = render(letter(template, { locale, organization }));
        const name = `${template} in ${locale}${organization ? '' : ', from nobody'}`;
        t.equal(lang, locale);
        for (const part of [subject, html, text, sender]) {
          t.notMatch(part, /\{\{|\{%|undefined|\bnull\b|\[object| {2}[a-z]|\bada\b/, name);
        }
        t.match(html, `<html lang="${locale}" dir="${locales.pick(locale).dir}">`);
        t.equal(text.includes('River Meadows Alliance\nMillgate 4'), organization !== null, 'the imprint');
        const { automatic } = locales.pick(locale).mail.common;
        t.equal(html.includes(escapeHtml(automatic)), template !== 'delivery', `${name}: how it came about`);
        const { link } = VALUES[template];
        if (link === undefined) continue;
        t.ok(text.split('\n').includes(link), `${name}: the link is a line of its own`);
        t.equal(html.split(`href="${link.replace('&', '&amp;')}"`).length, 2, `${name}: one button`);
        t.match(html, `>${link.replace('&', '&amp;')}<`, `${name}: and the link to be read`);
      }
    }
  }
  t.end();
});

t.test('nothing is loaded from elsewhere, and nothing is counted', (t) => {
  for (const template of TEMPLATES) {
    const { html } = render(letter(template));
    t.notMatch(
      html,
      /<(?:img|script|link|iframe|form|input|object|video|audio|base)\b|url\(|@import|@font-face|\bsrc=|\bon[a-z]+=/i,
    );
  }
  t.end();
});

t.test('who confirms a signature sees all that they agree to', (t) => {
  const { subject, html, text } = render(letter('confirm_signature'));
  t.equal(subject, `Please confirm your signature: ${PETITION.title}`);
  const words = [
    PETITION.title,
    PETITION.statement,
    OPT_IN.organization,
    OPT_IN.text,
    '012345',
    '7 days',
    'wasn’t you',
  ];
  const unwrapped = text.replace(/\n(?:> )?/g, ' ');
  for (const word of words) {
    t.ok(unwrapped.includes(word), `text: ${word}`);
    t.ok(html.includes(word), `HTML: ${word}`);
  }
  t.match(text, `> ${PETITION.statement}`, 'the statement is quoted');

  const bare = { ...VALUES.confirm_signature, opt_ins: [] };
  t.notMatch(
    render(letter('confirm_signature', { values: bare })).text,
    /agree/,
    'without opt-ins nothing of them',
  );
  const again = render(letter('confirm_signature', { values: { ...bare, reminder: true } }));
  t.match(again.subject, /^Reminder: /);
  t.match(again.text, /does not count yet/);
  t.end();
});

t.test('German letters are German, unknown languages English', (t) => {
  t.match(render(letter('confirm_signature', { locale: 'de-CH' })), {
    lang: 'de',
    subject: `Bitte bestätigen Sie Ihre Unterschrift: ${PETITION.title}`,
    html: /<html lang="de"/,
  });
  const tried = (locale: string) => render(letter('manage', { locale, testFor: 'eva@example.org' })).subject;
  t.equal(tried('en'), '[Test for eva@example.org] Your link to “my data”');
  t.match(tried('de'), /^\[Test für eva@example\.org\] /);
  t.match(render(letter('manage', { locale: 'xx' })), { lang: 'en', subject: 'Your link to “my data”' });
  t.equal(render(letter('manage', { organization: null, locale: 'de' })).sender, 'Petitionen');
  t.end();
});

t.test('lines of the text are short, but for what cannot be broken', (t) => {
  const long = `${'word '.repeat(300)}\n${'x'.repeat(200)}`;
  const { text } = render(
    letter('confirm_signature', {
      values: { ...VALUES.confirm_signature, petition: { ...PETITION, statement: long } },
    }),
  );
  const tooLong = text.split('\n').filter((line) => line.length > 72);
  t.same(tooLong.sort(), [LINK, `> ${'x'.repeat(200)}`].sort());
  t.match(text, /\n-- \n/, 'the footer is marked as one');
  t.end();
});

/** Also what means something in HTML, Liquid, headers and MIME. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc
    .array(
      fc.oneof(
        fc.constantFrom(
          '<script>alert(1)</script>',
          '"><img src=x onerror=y>',
          "'",
          '</title>',
          '-->',
          ']]>',
          '&lt;',
          '&#60;',
          '<!--',
          '{{ code }}',
          '{% raw %}',
          '{% include "x" %}',
          '\r\nBcc: eve@example.net\r\n',
          '\n\n',
          '=?utf-8?B?PGI+?=',
          '\0',
          '\u2028',
          '\u202e',
          '\ud800',
          'ß',
          '☃',
          '"',
          '\\',
          '<eve@example.net>',
          ',',
          ';',
          ':',
        ),
        fc.string({ maxLength: 20 }),
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
);

/** A letter in which everything that organizations write is one text. */
const hostile = (template: Template, said: string): Letter =>
  letter(template, {
    organization: { name: said, url: 'https://example.org', imprint: `${said}.`, replyTo: null },
    values: {
      ...VALUES[template],
      ...('petition' in VALUES[template] ? { petition: { title: said, statement: said, url: null } } : {}),
      ...('opt_ins' in VALUES[template] ? { opt_ins: [{ organization: said, text: said }] } : {}),
      ...('subscriptions' in VALUES[template] ? { subscriptions: [{ organization: said, link: LINK }] } : {}),
    },
  });

/** The tags in their order. Line breaks come from the texts. */
const tagsOf = (html: string): string[] => (html.match(/<[^>]*>/g) ?? []).filter((tag) => tag !== '<br>');

t.test('property: no text breaks out of HTML, or is taken for a template', (t) => {
  const plain = Object.fromEntries(TEMPLATES.map((one) => [one, tagsOf(render(hostile(one, 'plain')).html)]));
  fc.assert(
    fc.property(anyText, fc.constantFrom(...TEMPLATES), (said, template) => {
      const { html, text } = render(hostile(template, said));
      const [same, wanted] = [tagsOf(html), plain[template]].map((tags) => JSON.stringify(tags));
      // The code is in this mail anyway; in no other a text may conjure it up.
      const conjured = said.includes('{{ code }}') && !html.includes('{{ code }}');
      return same === wanted && !conjured && text.endsWith('\n');
    }),
    { numRuns: 500 },
  );
  t.pass('tags stay what they are');
  t.end();
});

t.test('property: no text gets into the headers but as the text of one', async (t) => {
  const transport = nodemailer.createTransport({ streamTransport: true, buffer: true });
  await fc.assert(
    fc.asyncProperty(anyText, async (said) => {
      const { subject, sender, text, html } = render(hostile('confirm_signature', said));
      if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/.test(subject + sender)) {
        return false;
      }
      const from = { name: sender, address: 'petitions@example.org' };
      const sent = await transport.sendMail({ from, to: 'ada@example.org', subject, text, html });
      const mail = await simpleParser(sent.message);
      const wanted = 'from,to,subject,message-id,date,mime-version,content-type';
      return (
        [...mail.headers.keys()].sort().join() === wanted.split(',').sort().join() &&
        mail.from?.value.length === 1 &&
        mail.from.value[0]?.address === 'petitions@example.org' &&
        mail.attachments.length === 0
      );
    }),
    { numRuns: 100 },
  );
  t.pass('headers stay what they are');
});

t.test('a header is one line of bounded length', (t) => {
  t.equal(headerLine('a\r\nBcc: b\u2028c\u0000d\u202ee', 50), 'a Bcc: b c de');
  t.equal(headerLine('   ', 50), '');
  t.equal(headerLine('😀'.repeat(60), 50), `${'😀'.repeat(49)}…`);
  t.end();
});

t.test('mails that come from no organization come from the installation', async (t) => {
  const installation = {
    name: 'River League',
    imprint: 'River League e.V.\nMillgate 4, Ewehaven',
    url: 'https://league.example',
    logo: 'https://league.example/logo.png',
  };
  const renderNamed = createRenderer(locales, installation);
  for (const template of ['manage', 'email_apply', 'email_notice', 'email_undone'] as const) {
    const { sender, text, html } = renderNamed(letter(template, { organization: null }));
    t.equal(sender, 'River League', template);
    t.match(text, 'Sent by River League');
    t.match(text, 'Millgate 4, Ewehaven');
    t.match(html, 'https://league.example"');
    t.notMatch(html, /logo\.png|<img/, 'mails load nothing');
    t.equal(render(letter(template, { organization: null })).sender, 'Petitions');
  }
  const { sender, text } = renderNamed(letter('confirm_signature'));
  t.equal(sender, 'River Meadows Alliance', 'an organization speaks for itself');
  t.notMatch(text, 'River League');
  const unnamed = createRenderer(locales, { ...installation, name: '' });
  t.match(unnamed(letter('manage', { organization: null })), {
    sender: 'Petitions',
    text: /River League e\.V\./,
  });
});
