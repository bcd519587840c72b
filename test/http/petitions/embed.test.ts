import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import pino from 'pino';
import { EMBED_KEYS } from '../../../schema/api/petitions/embed.js';
import { loadLocales } from '../../../src/mail/load-locales.js';
import { onEveryEngine, start } from '../../support/helper.js';

onEveryEngine('the widget’s files', async (t, engine) => {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-locales-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'fa.yaml'), 'dir: rtl\nembed: { sign_button: اکنون امضا کنید }');
  writeFileSync(
    join(folder, 'sr.yaml'),
    "embed: { count_one: '{{ count }} potpis', count_few: '{{ count }} potpisa' }",
  );
  const api = await start(t, engine, { build: { locales: loadLocales(folder) } });

  await t.test(
    'getEmbedScript 200 and 304: for pages of every origin, small, kept for an hour',
    async (t) => {
      const { status, headers, text } = await api.call('GET', '/embed/v1.js');
      t.equal(status, 200);
      t.match(headers, {
        'content-type': 'text/javascript; charset=utf-8',
        'cache-control': 'public, max-age=3600, stale-while-revalidate=86400',
        'cross-origin-resource-policy': 'cross-origin',
        'access-control-allow-origin': '*',
        etag: /^"[A-Za-z0-9_-]{16}"$/,
      });
      t.match(text, 'undersigned-petition');
      t.ok(gzipSync(text, { level: 9 }).length <= 15_000, 'it fits into 15 kB, as it is sent');
      t.notMatch(
        text,
        /\beval\(|new Function\b|localStorage|document\.cookie|https?:\/\/[a-z]/,
        'nothing odd is in it',
      );
      const packed = await api.app.inject({ url: '/embed/v1.js', headers: { 'accept-encoding': 'gzip' } });
      t.match(packed.headers, { 'content-encoding': 'gzip', vary: /accept-encoding/i });
      t.equal(gunzipSync(packed.rawPayload).toString(), text);
      const refused = { url: '/embed/v1.js', headers: { 'accept-encoding': 'br, gzip;q=0' } };
      t.notOk((await api.app.inject(refused)).headers['content-encoding']);
      const again = { headers: { 'if-none-match': String(headers['etag']) } };
      t.match(await api.call('GET', '/embed/v1.js', again), { status: 304, text: '' });
    },
  );

  await t.test('getEmbedScript 404: it was not built, and the log says what to do', async (t) => {
    const said: string[] = [];
    const logger = pino({ level: 'error' }, { write: (line: string) => void said.push(line) });
    const widget = new URL('file:///nowhere/v1.js');
    const bare = await start(t, engine, { build: { widget, logger } });
    t.match(await bare.call('GET', '/embed/v1.js'), { status: 404, body: { code: 'not_found' } });
    t.match(said.join(''), 'npm run build');
    t.notMatch(said.join(''), 'nowhere');
  });

  await t.test(
    'getEmbedTranslation 200 and 304: the closest language, English for what it lacks',
    async (t) => {
      const words = async (tag: string) => (await api.call('GET', `/embed/v1/words/${tag}.json`)).body;
      const english = await words('en');
      t.same(Object.keys(english.words).sort(), [...EMBED_KEYS].sort());
      t.match(await words('de-AT'), {
        locale: 'de',
        dir: 'ltr',
        words: { sign_button: 'Jetzt unterschreiben' },
      });
      t.match(await words('sv'), { locale: 'en' });
      const persian = await words('fa');
      t.match(persian, { locale: 'fa', dir: 'rtl', words: { sign_button: 'اکنون امضا کنید' } });
      t.equal(persian.words.name_label, english.words.name_label);
      const serbian = await words('sr');
      t.match(serbian.words, { count_few: '{{ count }} potpisa' });
      t.notOk('count_two' in serbian.words, 'what a language does not need is not there');
      const { headers } = await api.call('GET', '/embed/v1/words/de.json');
      t.match(headers['cache-control'], 'max-age=3600');
      const again = { headers: { 'if-none-match': String(headers['etag']) } };
      t.equal((await api.call('GET', '/embed/v1/words/de.json', again)).status, 304);
    },
  );

  await t.test('getEmbedTranslation 400', async (t) => {
    for (const tag of ['d%20e', '..%2Fen', 'x'.repeat(40)]) {
      t.match(await api.call('GET', `/embed/v1/words/${tag}.json`), {
        status: 400,
        body: { code: 'invalid_query' },
      });
    }
  });
});
