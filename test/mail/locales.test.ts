import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Catalogue } from '../../src/mail/catalogue.js';
import { loadLocales } from '../../src/mail/load-locales.js';
import { EMBED_FORMS } from '../../schema/api/petitions/embed.js';
import { say, valuesIn } from '../../src/mail/words.js';
import { packageRoot } from '../../src/package.js';

/** A folder of languages, as an operator would have one. */
function folderOf(t: Test, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-locales-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** Every text with its path. */
function* textsIn(value: unknown, path: string[] = []): Generator<[string[], string]> {
  if (typeof value === 'string') yield [path, value];
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) yield* textsIn(inner, [...path, key]);
  }
}

const textsOf = ({
  mail,
  pages,
  embed,
  delivery,
  announcement,
  picture,
  chart,
}: Catalogue): Map<string, string> =>
  new Map(
    [...textsIn({ mail, pages, embed, delivery, announcement, picture, chart })].map(([path, text]) => [
      path.join('.'),
      text,
    ]),
  );

/** Single words, such as E-mail, are the same in many languages. */
const isSentence = (text: string) =>
  text
    .replace(/\{\{.*?\}\}|\{%.*?%\}/g, '')
    .split(/\P{L}+/u)
    .filter(Boolean).length > 2;

/** Whole numbers in all plural forms that whole numbers of any language have. */
const NUMBERS = [...Array(200).keys(), 1_000_000];

const builtIn = readdirSync(new URL('locales/', packageRoot)).map((name) => name.replace('.yaml', ''));

t.test('every built-in language is whole, with the values of English', (t) => {
  const locales = loadLocales();
  t.same(locales.missing, []);
  t.same(locales.tags, builtIn.sort());
  t.ok(builtIn.includes('de'));
  const english = textsOf(locales.pick('en'));
  for (const tag of builtIn.filter((one) => one !== 'en')) {
    const texts = textsOf(locales.pick(tag));
    const rules = new Intl.PluralRules(tag);
    for (const form of EMBED_FORMS) {
      const isSpoken = NUMBERS.some((number) => form === `count_${rules.select(number)}`);
      t.equal(texts.delete(`embed.${form}`), isSpoken, `${tag}: ${form}`);
    }
    t.same([...texts.keys()].sort(), [...english.keys()].sort(), `${tag} has the keys of English`);
    for (const [key, text] of texts) {
      t.same(valuesIn(text), valuesIn(english.get(key) ?? ''), `${tag}: ${key} names what English does`);
    }
    const same = [...texts].filter(([key, text]) => english.get(key) === text && isSentence(text));
    t.same(same, [], `${tag}: nothing was left in English`);
  }
  t.end();
});

t.test('German is German, and formal', (t) => {
  const catalogue = loadLocales().pick('de');
  for (const [key, text] of textsOf(catalogue)) {
    t.notMatch(text, /\b(?:the|your|you|please|link works)\b/i, key);
    t.notMatch(text, /\b(?:du|dein\w*|dir|dich)\b/i, key);
  }
  t.match(
    say(catalogue.mail.confirm_signature.subject, { petition: { title: 'Wiese' } }),
    /^Bitte bestätigen Sie/,
  );
  t.end();
});

t.test('a text counts as its language does', (t) => {
  const folder = folderOf(t, {
    'pl.yaml': `pages: { manage: { explanation: '{{ email }}, {{ minutes }} {{ minutes | plural: one: "minuta", few: "minuty", many: "minut", other: "minuty" }}' } }`,
    'pl-PL.yaml': 'dir: ltr',
    'nl.yaml':
      'pages: { manage: { explanation: \'{{ email }}, {{ minutes | plural: other: "minuten" }}\' } }',
  });
  const { pick } = loadLocales(folder);
  const said = (tag: string, minutes: number) =>
    say(pick(tag).pages.manage.explanation, { email: 'ada', minutes });
  for (const tag of ['pl', 'pl-PL']) {
    t.same(
      [1, 2, 5, 22, 112].map((minutes) => said(tag, minutes)),
      ['ada, 1 minuta', 'ada, 2 minuty', 'ada, 5 minut', 'ada, 22 minuty', 'ada, 112 minut'],
    );
  }
  t.equal(said('nl', 1), 'ada, minuten', 'a form that is missing');
  t.match(said('en', 1), /for 1 minute\.$/);
  t.match(said('de', 15), / 15 Minuten /);
  const spaced = '{{ email }}{{ minutes |plural : one : "en minut", other: "minuter" }}';
  const loose = loadLocales(folderOf(t, { 'sv.yaml': `pages: { manage: { explanation: '${spaced}' } }` }));
  t.equal(say(loose.pick('sv').pages.manage.explanation, { email: '', minutes: 1 }), 'en minut');
  for (const [forms, message] of [
    [': one: "minute"', /fr\.yaml.*explanation.*lacks the form other/],
    [': "minute"', /fr\.yaml.*explanation.*lacks its forms/],
    ['', /fr\.yaml.*explanation.*lacks its forms/],
  ] as const) {
    const text = `pages: { manage: { explanation: '{{ minutes | plural${forms} }}' } }`;
    t.throws(() => loadLocales(folderOf(t, { 'fr.yaml': text })), message);
  }
  t.end();
});

t.test('the closest language is picked, in the end English', (t) => {
  const folder = folderOf(t, {
    'ro.yaml': 'pages: { common: { back: Înapoi, saved: Salvat } }',
    'ro-MD.yaml': 'pages: { common: { saved: S-a salvat } }',
    'fa.yaml': 'dir: rtl',
  });
  const { pick, tags, missing } = loadLocales(folder);
  t.same(tags, [...builtIn, 'fa', 'ro', 'ro-MD'].sort());
  const picked = (tag: string | null) => pick(tag).locale;
  t.same(['ro-MD', 'ro-RO', 'ro', 'de-AT', 'DE', 'sr-Latn-RS', 'sv', '', null].map(picked), [
    'ro-MD',
    'ro',
    'ro',
    'de',
    'de',
    'en',
    'en',
    'en',
    'en',
  ]);
  t.equal(picked('__proto__'), 'en');
  t.match(
    pick('ro-MD').pages.common,
    { saved: 'S-a salvat', back: 'Înapoi' },
    'a region takes the rest from its language',
  );
  t.equal(pick('ro').pages.common.cancel_button, 'Cancel', 'and what that lacks from English');
  t.match([pick('fa').dir, pick('ro').dir], ['rtl', 'ltr']);
  t.same(missing.map(({ locale }) => locale).sort(), ['fa', 'ro']);
  const lacks = missing.find(({ locale }) => locale === 'ro')?.keys ?? [];
  t.ok(lacks.includes('mail.manage.subject'));
  t.notOk(lacks.includes('pages.common.back'));
  t.end();
});

t.test('a folder may say single things otherwise', (t) => {
  const folder = folderOf(t, {
    'en.yaml': 'mail: { manage: { subject: Your door, closing: [One, Two] } }',
    'notes.txt': 'not a language',
  });
  const { pick, missing } = loadLocales(folder);
  t.equal(pick('en').mail.manage.subject, 'Your door');
  t.same(pick('en').mail.manage.closing, ['One', 'Two'], 'a list is replaced as a whole');
  t.equal(pick('en').mail.manage.heading, loadLocales().pick('en').mail.manage.heading);
  t.match(pick('de').mail.manage.subject, /Ihr Link/);
  t.same(missing, []);
  t.end();
});

t.test('what cannot be used is refused, with its file and its key', (t) => {
  const wrong: [string, string, RegExp][] = [
    ['fr.yaml', 'pages: { confirm: { titel: X } }', /fr\.yaml: pages\.confirm\.titel: is not a key/],
    ['fr.yaml', 'locale: de', /fr\.yaml: locale: is not a key/],
    ['fr.yaml', 'dir: up', /fr\.yaml: dir: /],
    ['fr.yaml', 'pages: { confirm: { title: [X] } }', /fr\.yaml: pages\.confirm\.title: must be text/],
    ['fr.yaml', 'pages: { confirm: { title: 5 } }', /fr\.yaml: pages\.confirm\.title: must be text/],
    ['fr.yaml', 'pages: { confirm: { title: "" } }', /fr\.yaml: pages\.confirm\.title: /],
    ['fr.yaml', 'pages: { confirm: X }', /fr\.yaml: pages\.confirm: must be a section/],
    ['fr.yaml', 'mail: { manage: { closing: X } }', /fr\.yaml: mail\.manage\.closing: must be a list/],
    ['fr.yaml', 'mail: { manage: { closing: [1] } }', /fr\.yaml: mail\.manage\.closing\.0: /],
    [
      'fr.yaml',
      'mail: { manage: { subject: "{{ name }}" } }',
      /mail\.manage\.subject: names name; there are/,
    ],
    ['fr.yaml', 'mail: { manage: { subject: "{% if" } }', /fr\.yaml: mail\.manage\.subject: /],
    ['fr.yaml', 'mail: { manage: { subject: "{{ code | nosuch }}" } }', /fr\.yaml: mail\.manage\.subject: /],
    ['fr.yaml', 'embed: { goal: "{{ goal | upcase }}" }', /fr\.yaml: embed\.goal: /],
    ['fr.yaml', 'embed: { goal: "{{ name }}" }', /embed\.goal: names name; there are/],
    ['fr.yaml', 'embed: { count_few: [a] }', /fr\.yaml: embed\.count_few: must be text/],
    ['fr.yaml', 'embed: { count_lots: a }', /fr\.yaml: embed\.count_lots: is not a key/],
    ['fr.yaml', 'pages: { count_few: a }', /fr\.yaml: pages\.count_few: is not a key/],
    ['fr.yaml', 'a: [', /fr\.yaml: is not YAML/],
    ['fr.yaml', '', /fr\.yaml: holds no keys/],
    ['french.yaml', 'dir: ltr', /french\.yaml: is not named after a language/],
  ];
  for (const [name, text, message] of wrong) {
    t.throws(() => loadLocales(folderOf(t, { [name]: text })), { message }, text || 'an empty file');
  }
  t.throws(() => loadLocales('/nowhere/at/all'), { code: 'ENOENT' });
  t.end();
});
