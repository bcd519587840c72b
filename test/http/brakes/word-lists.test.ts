import t from 'tap';
import { ListedWords } from '../../../src/core/brakes/listed-words.js';
import { recount } from '../../../src/core/counts/recount.js';
import { makePartner, onEveryEngine, publish, start } from '../../support/helper.js';
import { collectMail } from '../../support/mailbox.js';

t.test('what a word of a list matches', (t) => {
  const list = new ListedWords(['Idiot', 'spam*', 'buy now', 'crédit gratuit*', 'ﬀ', '笨蛋', 'пень']);
  const yes = [
    'idiot',
    'You IDIOT!',
    'ídiöt',
    'ＩＤＩＯＴ',
    'an idiot.',
    'spam',
    'Spammers',
    'Buy  NOW, please',
    'buy-now',
  ];
  const more = ['credit gratuitement', 'FF', '你是笨蛋', 'ПЕНЬ', 'x\nidiot\ny'];
  for (const text of [...yes, ...more]) t.ok(list.isIn(text), text);
  const no = [
    'idiotic',
    'videots',
    'antispam',
    'buy it now',
    'now buy',
    'credit',
    'gratuit',
    '',
    '!!!',
    'buy',
    '1d1ot',
  ];
  for (const text of no) t.notOk(list.isIn(text), text);
  t.notOk(new ListedWords([]).isIn('idiot'));
  t.end();
});

onEveryEngine('lists of words', async (t, engine) => {
  const api = await start(t, engine);
  const { secret, key } = await api.organization('River Meadows');
  await publish(api, secret, { slug: 'meadows', confirmation: 'none' });
  const get = (key: string | undefined = secret) => api.call('GET', '/v1/organization/word-list', { key });
  const put = (words: unknown, key: string | undefined = secret) =>
    api.call('PUT', '/v1/organization/word-list', { key, body: { words } });
  const sign = (name: string, email: string, more: object = {}, key?: string) =>
    api.call('POST', '/v1/petitions/meadows/signatures', { key, body: { name, email, ...more } });
  const find = async (email: string) =>
    (await api.call('GET', `/v1/signatures?petition=meadows&email=${email}`, { key: secret })).body.data[0];
  const LISTED = { status: 'quarantined', suspicion: { score: 100, signals: ['listed_word'] } };

  await t.test('200, 304: empty at first, then as it was sent', async (t) => {
    t.match(await get(), { status: 200, body: { words: [], updated_at: null } });
    t.match(await sign('Idiot', 'before@example.org'), { status: 202 });
    t.match(await find('before@example.org'), { status: 'confirmed' });
    t.match(await put(['Idiot', ' spam* ']), { status: 200, body: { words: ['Idiot', 'spam*'] } });
    const read = await get();
    t.match(read, { status: 200, body: { words: ['Idiot', 'spam*'], updated_at: /Z$/ } });
    const again = await api.call('GET', '/v1/organization/word-list', {
      key: secret,
      headers: { 'if-none-match': read.headers['etag']! },
    });
    t.equal(again.status, 304);
  });

  await t.test('a signing with a listed word waits, and its answer is that of all', async (t) => {
    const answers = [
      await sign('An Idiot', 'name@example.org'),
      await sign('Ada King', 'comment@example.org', { comment: 'Buy my\nSPAMMY things' }),
      await sign('Ada King', 'clean@example.org', { comment: 'No idiotic comment' }),
    ];
    for (const { status, body } of answers) {
      t.equal(status, 202);
      t.same(Object.keys(body), Object.keys(answers[0]!.body));
      t.match(body, { next: answers[0]!.body.next });
    }
    t.match(await find('name@example.org'), LISTED);
    t.match(await find('comment@example.org'), LISTED);
    t.match(await find('clean@example.org'), { status: 'confirmed' });
    t.same(await collectMail(api), [], 'nothing is mailed');
    t.match(await sign('Idiot', 'keyed@example.org', {}, secret), {
      status: 201,
      body: { status: 'quarantined' },
    });
    const vouched = await sign('Idiot', 'vouched@example.org', { vouched: true }, secret);
    t.match(vouched, { status: 201, body: { status: 'confirmed' } });
    const { id } = await find('name@example.org');
    const released = await api.call('POST', `/v1/signatures/${id}/release`, {
      key: secret,
      body: { reason: 'A name' },
    });
    t.match(released, { status: 200, body: { status: 'confirmed' } });
  });

  await t.test('imported rows wait too, with a warning', async (t) => {
    const imported = await api.call('POST', '/v1/signatures/import?petition=meadows', {
      key: secret,
      headers: { 'content-type': 'text/csv' },
      body: 'email,name,comment\nrow1@example.org,Ida,Spam spam\nrow2@example.org,Ida,Fine\nclean@example.org,Idiot,\n',
    });
    t.match(imported, {
      status: 200,
      body: {
        created: 1,
        quarantined: 1,
        already_signed: 1,
        warnings: [
          { line: 2, field: 'comment', code: 'listed_word', detail: /word of your list/ },
          { line: 4, field: 'name', code: 'listed_word' },
        ],
      },
    });
    t.match(await find('row1@example.org'), LISTED);
    t.match(await find('row2@example.org'), { status: 'confirmed' });
  });

  await t.test('a listed word takes nothing of what a partner may vouch for', async (t) => {
    const partner = await api.organization('Anglers');
    const agreed = { may_vouch: true, vouch_limit: 1 };
    await makePartner(api, secret, 'meadows', partner, 'full', agreed);
    await api.call('POST', '/v1/signatures/import?petition=meadows', {
      key: partner.secret,
      headers: { 'content-type': 'text/csv' },
      body: 'email,name,comment\nlisted@example.org,Ida,Spam spam\nfine@example.org,Ida,Fine\n',
    });
    t.match(await find('listed@example.org'), LISTED);
    t.match(await find('fine@example.org'), { status: 'confirmed' });
  });

  await t.test('a dry run knows those who would be quarantined when they come again', async (t) => {
    // With an external id twice the rows are stored in the order of the file: on PostgreSQL the last in a later chunk.
    const many = Array.from({ length: 250 }, (_, i) => `dry${i}@example.org,Ida,Spam spam,${i || 1}`);
    const load = (query: string) =>
      api.call('POST', `/v1/signatures/import?petition=meadows${query}`, {
        key: secret,
        headers: { 'content-type': 'text/csv' },
        body: ['email,name,comment,external_id', ...many, 'dry0@example.org,Ida,Fine,', ''].join('\n'),
      });
    const expected = { created: 0, quarantined: 249, failed: 1, already_signed: 1 };
    t.match((await load('&dry_run=true')).body, expected);
    t.match((await load('')).body, expected);
  });

  await t.test('a new list holds from the next signing on; others have their own', async (t) => {
    await put(['ada']);
    t.match(await sign('Idiot', 'after@example.org'), { status: 202 });
    t.match(await find('after@example.org'), { status: 'confirmed' });
    await sign('Ada', 'ada@example.org');
    t.match(await find('ada@example.org'), LISTED);
    const other = await api.organization('Neighbours');
    t.match(await get(other.secret), { body: { words: [] } });
    await put([]);
    await sign('Ada', 'ada2@example.org');
    t.match(await find('ada2@example.org'), { status: 'confirmed' });
    t.same(await recount(api.store.read), []);
  });

  await t.test('401, 403, 422', async (t) => {
    for (const ask of [get, (key: string | undefined) => put([], key)] as const) {
      t.match(await ask(await api.newKey(key, 'secret', ['petitions:write'])), {
        status: 403,
        body: { code: 'scope_required' },
      });
    }
    t.match(await api.call('GET', '/v1/organization/word-list'), { status: 401 });
    t.match(await api.call('PUT', '/v1/organization/word-list', { body: { words: [] } }), { status: 401 });
    const pointers = async (words: unknown) => {
      const { status, body } = await put(words);
      return status === 422 ? body.errors.map(({ pointer }: { pointer: string }) => pointer) : status;
    };
    t.same(await pointers(['ok', 'f*ck', '...', 'x'.repeat(51)]), ['/words/1', '/words/3']);
    t.same(await pointers(['ok', '...', '*']), ['/words/2']);
    t.same(await pointers(['ok', '...']), ['/words/1']);
    t.same(await pointers('ok'), ['/words']);
    t.same(await pointers(Array.from({ length: 1001 }, (_, i) => `w${i}`)), ['/words']);
    t.equal(await pointers(Array.from({ length: 1000 }, (_, i) => `w${i}`)), 200);
  });
});
