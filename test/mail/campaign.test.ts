import fc from 'fast-check';
import t from 'tap';
import type { MailingSource } from '../../src/core/mailings/source.js';
import { localeFor } from '../../src/mail/campaign/best-locale.js';
import { compileMailing } from '../../src/mail/campaign/compile.js';
import {
  renderHtml,
  renderSubject,
  renderText,
  type RecipientValues,
} from '../../src/mail/campaign/liquid.js';
import { loadLocales } from '../../src/mail/load-locales.js';

const options = { publicUrl: 'https://petitions.example', locales: loadLocales() };
const HANDLE = Buffer.from('nine byte');

const NUMBERS = [1, 2, 3, 4, 5, 6];
const petition: NonNullable<MailingSource['petition']> = {
  title: 'Tell Northwater: stop pumping the Ewe dry',
  callToAction: null,
  statement: 'Stop pumping from the Ewe in summer.\nPublish what you take.',
  targets: [{ name: 'Jo Doe', title: 'CEO', organization: 'Northwater' }],
  references: NUMBERS.map((number) => ({
    number,
    title: `Source ${number}`,
    url: `https://s.example/${number}`,
  })),
  campaigner: { name: 'Mo Weir', role: 'Campaign Manager' },
  partners: ['Anglers', 'Birders', 'Canoeists'].map((name) => ({ name })),
  shareTexts: [],
  locale: 'en',
  url: 'https://rivermeadows.example/ewe',
};

const sourceOf = (text: object, changes: Partial<MailingSource> = {}): MailingSource => ({
  name: 'Mail',
  countClicks: true,
  testShare: 100,
  organization: {
    name: 'River & Meadows',
    url: 'https://rivermeadows.example',
    imprint: 'Weir Lane 1\nEwehaven',
    locale: 'en',
    color: null,
    replyTo: null,
  },
  petition,
  content: {
    senderName: null,
    replyTo: null,
    texts: { en: { subject: 'S', preview: 'P', ...text } },
    defaultLocale: null,
  },
  variants: [{ key: 1, name: 'A', handle: HANDLE, content: {} }],
  ...changes,
});

const NOBODY: RecipientValues = {
  first_name: null,
  name: null,
  email: 'katy@example.org',
  country: null,
  locale: 'en',
  petition_url: 'https://petitions.example/l/x/pr_x',
  unsubscribe_url: 'https://petitions.example/unsubscribe?token=pb_x',
  manage_url: 'https://petitions.example/manage?token=pm_x',
};

async function compiled(text: object, changes: Partial<MailingSource> = {}) {
  const { variants, findings } = await compileMailing(sourceOf(text, changes), options);
  const frozen = variants[0]!.frozen.locales['en']!;
  return { ...frozen, findings, links: variants[0]!.links, codes: findings.map(({ code }) => code) };
}

t.test('a campaign mail with all that such mails have', async (t) => {
  const markdown = [
    '[[headline]]',
    'Dear {{ first_name }},',
    'Northwater takes a third of the Ewe.[^1] The wells sink[^2], the fish die[^3] and the meadows dry.[^4]',
    '[[statement]]',
    '[[button: Sign the petition ►]]',
    'It was warned twice[^1][^5], and pumps on.[^6] We are a coalition of groups, including [[coalition]].',
    '[Add your name]({{ petition_url }})',
    'Thanks for fighting back,',
    '[[campaigner]]',
    '[[share]]',
  ].join('\n\n');
  const mail = await compiled({ subject: '{{ first_name }}, tell Northwater', markdown });
  t.same(mail.codes, ['default_missing', 'default_missing']);
  const [html, text] = [renderHtml(mail.html, NOBODY), renderText(mail.text, NOBODY)];
  t.equal(renderSubject(mail.subject, NOBODY), 'friend, tell Northwater');
  for (const part of [html, text]) {
    t.match(part, /Dear friend,/);
    t.match(part, /Anglers, Birders, and Canoeists/);
    t.match(part, /Jo Doe, CEO, Northwater/);
    for (const number of NUMBERS) t.match(part, new RegExp(`\\[${number}\\] `), `reference ${number}`);
    t.match(part, /This email was sent to katy@example\.org\./);
    t.match(part, /Change your email or mailing address/);
    t.match(part, /unsubscribe\?token=pb_x/);
    t.notMatch(part, /\{\{|\{%|\[\[|[\ue000\ue001]/);
  }
  t.match(text, /Sign the petition ►:\nhttps:\/\/petitions\.example\/l\/x\/pr_x\n/);
  t.notMatch(text, /&amp;|&#/);
  t.equal(html.match(/pr_x/g)?.length, 3, 'three places lead to the petition');
  t.notMatch(html, /<img|url\(|@import|<script/, 'it loads nothing');
  t.ok(Buffer.byteLength(html) < 20_000);
  t.same(mail.links[0]?.url, null);
  t.ok(mail.links.some(({ url }) => url === 'https://s.example/6'));
});

t.test('no value breaks out of its place, and none is ever missing', async () => {
  const markdown = 'Dear {{ first_name }},\n\n[[button]]\n\nYours in {{ country | upcase }}';
  const mail = await compiled({ subject: 'Dear {{ name | capitalize }},', markdown });
  const skeleton = (html: string): string[] => html.match(/<[^>]*>/g) ?? [];
  const plain = skeleton(renderHtml(mail.html, NOBODY));
  const odd = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '',
      ' ',
      '\u00a0',
      '<b>',
      '"><script>',
      '{{ email }}',
      '{% if x %}',
      'a\r\nBcc: b@c.d',
      '\u202e',
    ),
  );
  fc.assert(
    fc.property(odd, odd, odd, (first_name, name, country) => {
      const values = { ...NOBODY, first_name, name, country };
      const html = renderHtml(mail.html, values);
      // The title and the texts hold values; what is markup stays as it is.
      if (skeleton(html).join() !== plain.join()) return false;
      const [text, subject] = [renderText(mail.text, values), renderSubject(mail.subject, values)];
      return (
        ![html, text, subject].some((part) => /Dear\s*,/.test(part)) &&
        !/[\r\n\p{Cc}]/u.test(subject) &&
        text.split('\n').length === renderText(mail.text, NOBODY).split('\n').length
      );
    }),
    { numRuns: 300 },
  );
});

t.test('whatever is written, everybody can leave, and nothing dangerous is left', async () => {
  const piece = fc.constantFrom(
    '<p>',
    '</p>',
    '<a href="{{ unsubscribe_url }}">x</a>',
    '[[footer]]',
    '[[button]]',
    '{% if country %}',
    '{% endif %}',
    '{{ first_name }}',
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '[^1]',
    '<a href="javascript:alert(1)">y</a>',
    '<p title="[[statement]]">',
    '{{{',
    '}}',
    '<style>p{color:red}</style>',
    '<!--',
    '<div style="display:none">',
    'text',
    '\n\n',
    '{{ nonsense }}',
    '<a href="{{ unsubscribe_url }}"></a>',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 12 }),
      fc.constantFrom('html', 'markdown'),
      async (pieces, kind) => {
        const mail = await compiled({ [kind]: pieces.join('') });
        const html = renderHtml(mail.html, NOBODY);
        const text = renderText(mail.text, NOBODY);
        return (
          /<a\b[^>]*href="https:\/\/petitions\.example\/unsubscribe\?token=pb_x"/.test(html) &&
          text.includes('unsubscribe?token=pb_x') &&
          !/<script|<[^>]*\sonerror=|<[^>]*javascript:|display:\s*none">(?!P)/i.test(
            html.replace(/<div style="display:none;[\s\S]*?<\/div>/, ''),
          ) &&
          !/[\ue000\ue001]/.test(html + text)
        );
      },
    ),
    { numRuns: 300 },
  );
});

t.test('what would hold up the server is refused by name, and quickly', async (t) => {
  const sheet = (rules: number) =>
    `<style>${Array.from({ length: rules }, (_, i) => `.c${i} p{color:red}`).join('')}</style>`;
  for (const text of [
    { html: `${sheet(1000)}${'<p>x</p>'.repeat(3000)}` },
    { html: `${sheet(1000)}${'<p>x</p>'.repeat(100)}` },
    { html: '<a href="https://x.example">'.repeat(6000) },
    { markdown: 'x\n\n'.repeat(20_000) },
    { markdown: '[[statement]]\n\n'.repeat(2000) },
    { html: `<p>${'x'.repeat(300_000)}</p>` },
  ]) {
    const began = performance.now();
    const { codes } = await compiled(text);
    t.ok(codes.includes('too_complex'), JSON.stringify(text).slice(0, 60));
    t.ok(performance.now() - began < 10_000);
  }
});

t.test('a mailing is bounded as a whole, and others get their turn between its texts', async (t) => {
  const text = { subject: 'S', preview: 'P', html: '<p>x</p>'.repeat(700) };
  const tags = 'aa ab af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch'.split(' ');
  const content = {
    ...sourceOf({}).content,
    texts: Object.fromEntries(tags.map((tag) => [tag, text])),
  };
  const variant = (i: number) => ({
    key: i,
    name: `V${i}`,
    handle: Buffer.from(`handle ${i}.`),
    content: {},
  });
  const of = (variants: number) =>
    compileMailing(
      sourceOf({}, { content, variants: Array.from({ length: variants }, (_, i) => variant(i)) }),
      options,
    );
  let turns = 0;
  const others = setInterval(() => (turns += 1));
  const one = await of(1);
  clearInterval(others);
  t.notMatch(one.findings, [{ severity: 'error' }]);
  t.ok(turns > tags.length / 2, `others had ${turns} turns`);
  const all = await of(8);
  t.match(
    all.findings.filter(({ severity }) => severity === 'error'),
    [{ code: 'mailing_too_complex', detail: /All texts together/, where: { part: 'mailing' } }],
  );
  const made = all.variants.flatMap(({ frozen }) => Object.keys(frozen.locales));
  t.ok(made.length < 4 * tags.length, `${made.length} texts were compiled`);
  const faulty = await compileMailing(
    sourceOf({ html: Array.from({ length: 1400 }, (_, i) => `<a href="x${i}">x</a>`).join('') }),
    options,
  );
  t.equal(faulty.findings.filter(({ code }) => code === 'link_unusable').length, 1000, 'no longer than read');
});

t.test('what would lead elsewhere, watch somebody or break a condition is an error in words', async (t) => {
  const personal = '{{ email }}';
  const link = (href: string) => `<a href='${href}'>x</a>`;
  for (const [text, code] of [
    [{ markdown: `[x](https://x.example/?e=${personal})` }, 'value_in_link'],
    [{ markdown: `<https://x.example/?e=${personal}>` }, 'value_in_link'],
    [
      { html: link('{% if country %}https://a.example{% else %}https://b.example{% endif %}') },
      'mark_in_tag',
    ],
    [{ html: link('{{ petition_url | prepend: "https://evil.example/?u=" }}') }, 'link_filtered'],
    [{ markdown: '[x]({{ unsubscribe_url | downcase }})' }, 'link_filtered'],
    [{ html: '<p>{% if country %}x</p><style>p{} {% endif %}</style>' }, 'condition_open'],
    [{ html: '<!-- {% if country %} --><p>x{% else %}y{% endif %}</p>' }, 'condition_open'],
    [{ html: '{% if country %}<img src="https://x.example/p.png" alt="x">{% endif %}<p>x</p>' }, 'pixel'],
    [{ html: `<img src="https://x.example/${personal}.png" alt="x"><p>x</p>` }, 'pixel'],
  ] as const) {
    const { codes, html, text: plain } = await compiled(text);
    t.ok(codes.includes(code), `${code}: ${JSON.stringify(text)} ${codes.join()}`);
    t.notMatch(renderHtml(html, NOBODY) + renderText(plain, NOBODY), /%EE%80|evil|\{%/);
  }
  t.same((await compiled({ markdown: '{% if country %}x{% endif %}' })).codes, []);
});

t.test('the footer is there beside a link that nobody sees, and texts of others hold no marks', async (t) => {
  const hidden = '<p>x <a href="{{ unsubscribe_url }}" style="font-size:0">y</a></p>';
  t.match(renderHtml((await compiled({ html: hidden })).html, NOBODY), /Weir Lane/);
  const said = { ...petition, statement: 'a \ue0000\ue001 b' };
  const html = '<p>{{ email }}&#xe000;0&#xe001;</p>[[statement]]';
  const quoted = renderHtml((await compiled({ html }, { petition: said })).html, NOBODY);
  t.match(quoted, /a 0 b/);
  t.equal(quoted.match(/katy@example\.org/g)?.length, 2, 'in the text, and in the footer');
});

t.test('a footer that not everybody sees is none', async (t) => {
  const imprints = (html: string) => html.match(/Weir Lane/g)?.length;
  const row = (cell: string, more = '') =>
    `<p>x</p><table${more}><tbody><tr><td ${cell}>y[[footer]]</td></tr></tbody></table>`;
  for (const html of [
    '<p>x</p>{% if country %}[[footer]]{% endif %}',
    '<p>x</p>{% if country %}y{% else %}[[footer]]{% endif %}',
    '<p>x<a href="https://x.example">[[footer]]</a></p>',
    '<div style="width:1px">x[[footer]]</div>',
    '<style>.f{height:0}</style><div class="f">x[[footer]]</div>',
    '<div style="padding:0 0 0 9999px">x[[footer]]</div>',
    '<div style="letter-spacing:-20px">x[[footer]]</div>',
    '<div style="background:hsl(213, 10%, 39%)">x[[footer]]</div>',
    '<p style="background:#000">x[[footer]]</p>',
    '<td style="background:#000">x[[footer]]</td>',
    '<table style="background:#000"><tr><div>x[[footer]]</div></tr></table>',
    row('width="1"'),
    row('style="background:rgba(0, 0, 0, 0.1)"'),
  ]) {
    const mail = await compiled({ html });
    t.ok(mail.codes.includes('footer_added'), html);
    const shown = renderHtml(mail.html, NOBODY);
    const last = shown.slice(shown.lastIndexOf('<hr'));
    t.match(last, /Weir Lane[\s\S]*pb_x/, 'another is at the end');
    t.notMatch(last, /<\/(?:td|table)>|<\/div>[\s\S]*<\/div>/, 'inside of nothing of theirs');
  }
  for (const html of [
    '<p>x</p>[[footer]]',
    '<div style="font-size:0;line-height:0;color:#ffffff">x[[footer]]</div>',
    '<div style="display:none;margin:-900px">x[[footer]]</div>',
    row('height="20" style="background:#0b2545"'),
    row('style="padding:24px"', ' bgcolor="#5a626d" width="600"'),
  ]) {
    const mail = await compiled({ html });
    t.notOk(mail.codes.includes('footer_added'), html);
    const shown = renderHtml(mail.html, NOBODY);
    t.equal(imprints(shown), 1, html);
    t.notMatch(shown, /margin:\s*-|<div style="display:none">x/);
    t.match(shown, /<p class="u-small" style="[^"]*font-size: ?13px/);
  }
  const dark = renderHtml((await compiled({ html: row('style="background:#0b2545"') })).html, NOBODY);
  t.match(dark, /<a href="[^"]*pb_x" style="color: ?#ffffff;?"/, 'it can be read where it stands');
  const grey = renderHtml((await compiled({ html: row('style="background:#5a626d"') })).html, NOBODY);
  t.notMatch(grey, /class="u-small" style="[^"]*[^-]color: ?#5a626d/);
});

t.test('who writes is said once, and a citation stays on its line', async (t) => {
  const mail = async (role: string | null) => {
    const campaigner = { name: 'Mo Weir', role };
    const { html, text } = await compiled(
      { markdown: 'Dry.[^1]\n\n[[campaigner]]' },
      { petition: { ...petition, campaigner } },
    );
    return { html: renderHtml(html, NOBODY), text: renderText(text, NOBODY) };
  };
  t.match((await mail('Manager')).html, /<strong>Mo Weir<\/strong><br>Manager<br>River &amp; Meadows<\/p>/);
  t.match((await mail('Manager, River & Meadows')).html, /<br>Manager, River &amp; Meadows<\/p>/);
  const { html, text } = await mail(null);
  t.match(html, /<strong>Mo Weir<\/strong><br>River &amp; Meadows<\/p>/);
  t.match(html, /Dry\.\u2060<sup/);
  t.match(text, /^Dry\.\[1\]/);
});

t.test('words that no file has in a language from right to left read from left to right', async (t) => {
  const texts = { fa: { subject: 'S', preview: 'P', markdown: 'تحية\n\n[[share]]' } };
  const content = { senderName: null, replyTo: null, texts, defaultLocale: 'fa' };
  const { variants } = await compileMailing(sourceOf({}, { content }), options);
  const { dir, html } = variants[0]!.frozen.locales['fa']!;
  t.equal(dir, 'rtl');
  // Otherwise the colon stands before them.
  t.match(html, /<span dir="auto">Share this petition:<\/span> <a dir="auto"/);
  t.match(html, /<span dir="auto">This email was sent to/);
});

t.test('each recipient gets the closest language', async (t) => {
  const text = { dir: 'ltr' as const, subject: '', html: '', text: '' };
  const frozen = {
    senderName: 'x',
    replyTo: null,
    defaultLocale: 'en',
    locales: { en: text, pt: text, 'de-AT': text, 'zh-Hant': text },
  };
  for (const [wanted, given] of [
    ['en', 'en'],
    ['pt-BR', 'pt'],
    ['de', 'de-AT'],
    ['zh-Hant-TW', 'zh-Hant'],
    ['fr', 'en'],
    [null, 'en'],
  ] as const) {
    t.equal(localeFor(frozen, wanted), given, String(wanted));
  }
});
