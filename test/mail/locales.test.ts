import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Catalogue } from '../../src/mail/catalogue.js';
import { loadLocales, textsIn } from '../../src/mail/load-locales.js';
import { say, valuesIn } from '../../src/mail/words.js';
import { packageRoot } from '../../src/package.js';

/** A folder of languages, as an operator would have one. */
function folderOf(t: Test, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-locales-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const textsOf = ({ mail, pages, embed, picture, chart }: Catalogue): Map<string, string> =>
  new Map([...textsIn({ mail, pages, embed, picture, chart })].map(([path, text]) => [path.join('.'), text]));

const builtIn = readdirSync(new URL('locales/', packageRoot)).map((name) => name.replace('.yaml', ''));

t.test('every built-in language is whole, with the values of English', (t) => {
  const locales = loadLocales();
  t.same(locales.missing, []);
  t.same(locales.tags, builtIn.sort());
  t.ok(builtIn.includes('de'));
  const english = textsOf(locales.pick('en'));
  for (const tag of builtIn.filter((one) => one !== 'en')) {
    const texts = textsOf(locales.pick(tag));
    t.same([...texts.keys()].sort(), [...english.keys()].sort(), `${tag} has the keys of English`);
    for (const [key, text] of texts) {
      t.same(valuesIn(text), valuesIn(english.get(key) ?? ''), `${tag}: ${key} names what English does`);
    }
    const same = [...texts].filter(([key, text]) => english.get(key) === text && text.length > 6);
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

t.test('the closest language is picked, in the end English', (t) => {
  const folder = folderOf(t, {
    'pt.yaml': 'pages: { common: { back: Voltar, saved: Guardado } }',
    'pt-BR.yaml': 'pages: { common: { saved: Salvo } }',
    'ar.yaml': 'dir: rtl',
  });
  const { pick, tags, missing } = loadLocales(folder);
  t.same(tags, ['ar', 'de', 'en', 'pt', 'pt-BR']);
  const picked = (tag: string | null) => pick(tag).locale;
  t.same(['pt-BR', 'pt-PT', 'pt', 'de-AT', 'DE', 'sr-Latn-RS', 'fr', '', null].map(picked), [
    'pt-BR',
    'pt',
    'pt',
    'de',
    'de',
    'en',
    'en',
    'en',
    'en',
  ]);
  t.equal(picked('__proto__'), 'en');
  t.match(
    pick('pt-BR').pages.common,
    { saved: 'Salvo', back: 'Voltar' },
    'a region takes the rest from its language',
  );
  t.equal(pick('pt').pages.common.cancel_button, 'Cancel', 'and what that lacks from English');
  t.match([pick('ar').dir, pick('pt').dir], ['rtl', 'ltr']);
  t.same(missing.map(({ locale }) => locale).sort(), ['ar', 'pt']);
  const lacks = missing.find(({ locale }) => locale === 'pt')?.keys ?? [];
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
