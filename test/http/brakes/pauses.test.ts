import { onEveryEngine, start } from '../../support/helper.js';
import { body, cli, FAST, get, home, PETITION, post, serve } from '../../support/process.js';
import { collectMail, tokenOf } from '../../support/mailbox.js';
import { until } from '../../support/until.js';
import { pause, resume } from '../../../src/core/brakes/pauses.js';

onEveryEngine('an operator pauses every server of a database within a second', async (t, engine) => {
  const folder = home(t);
  const DATABASE_URL = await engine.database(t);
  const env = { ...FAST, DATABASE_URL, ROOT_KEY: Buffer.alloc(32, 7).toString('base64') };
  const first = await serve(t, folder, env);
  const second = await serve(t, folder, { ...env, MAIL_WORKER: 'false' });
  const sign = async (url: string, email: string) => {
    const answer = await post(`${url}${PETITION}/signatures`, body(email));
    return {
      status: answer.status,
      again: answer.headers.get('retry-after'),
      json: (await answer.json()) as object,
    };
  };
  t.match(await sign(first.url, 'before@example.org'), { status: 202 });

  const words = 'We are under attack. Please come back at noon.';
  const said = await cli(folder, env, 'pause', 'signing', '--message', words, '--retry-after', '600');
  t.match(said, { code: 0, stderr: '', stdout: /signing is paused/ });
  const from = Date.now();
  for (const { url } of [first, second]) {
    await until(async () => (await sign(url, 'while@example.org')).status === 503, 'that it is paused', {
      everyMs: 20,
    });
    t.match(await sign(url, 'while@example.org'), {
      status: 503,
      again: '600',
      json: { code: 'paused', detail: words },
    });
    t.match(await get(`${url}${PETITION}/counts`), { status: 200 }, 'reading goes on');
  }
  // A second is promised; on a busy machine the answers themselves take several.
  t.ok(Date.now() - from < 10_000, `both know after ${Date.now() - from} ms`);

  t.match(await cli(folder, env, 'resume'), { code: 0, stdout: /it goes on: signing/ });
  for (const { url } of [first, second]) {
    await until(async () => (await sign(url, 'after@example.org')).status === 202, 'that it goes on', {
      everyMs: 20,
    });
  }
  t.match(await cli(folder, env, 'resume'), { code: 0, stdout: 'Nothing was paused.\n' });
  t.match(await cli(folder, env, 'pause', 'everything'), { code: 1, stderr: /signing, writing/ });
  t.match(await cli(folder, env, 'pause', 'signing', '--message', ''), { code: 1, stderr: /message/ });
});

onEveryEngine('what a pause stops, and what goes on', async (t, engine) => {
  const api = await start(t, engine);
  const { secret, id: organization_id } = await api.organization('River Meadows');
  const created = await api.call('POST', '/v1/petitions', {
    key: secret,
    body: {
      slug: 'meadows',
      title: 'Leave the meadows',
      statement: 'Leave them to the river.',
      confirmation: 'none',
    },
  });
  await api.call('POST', `/v1/petitions/${created.body.id}/transitions`, {
    key: secret,
    body: { to: 'published' },
  });
  const sign = (email: string, key?: string) =>
    api.call('POST', '/v1/petitions/meadows/signatures', { key, body: { name: 'Ada', email } });
  const paused = { status: 503, body: { code: 'paused' }, headers: { 'retry-after': '60' } };
  const known = (status: number) =>
    until(async () => (await sign('x@example.org')).status === status, 'it knows');

  const text = await api.call('POST', '/v1/consent-texts', {
    key: secret,
    body: { locale: 'en', text: 'Mail me.' },
  });
  await api.call('POST', '/v1/subscriptions', {
    key: secret,
    body: { email: 'bo@example.org', consent_text_id: text.body.id, evidence: { source: 'paper' } },
  });
  const told = async () => {
    const { body } = await api.call('GET', '/readyz');
    const metrics = await api.call('GET', '/metrics');
    return [body.paused, metrics.text.match(/^paused\{.*$/gm)];
  };

  await t.test('signing: no new signatures, by anyone; all else goes on', async (t) => {
    t.same(await told(), [[], ['paused{what="signing"} 0', 'paused{what="writing"} 0']]);
    await pause(api.store, { what: 'signing', message: null, retryAfter: 60 });
    await known(503);
    t.match(await sign('ada@example.org'), paused);
    t.match(await sign('ada@example.org', secret), paused);
    t.match(
      await api.call('POST', '/v1/signatures/import?petition=meadows', {
        key: secret,
        headers: { 'content-type': 'text/csv' },
        body: 'email,name\nada@example.org,Ada\n',
      }),
      paused,
    );
    t.match(
      await api.call('PATCH', '/v1/petitions/meadows', {
        key: secret,
        body: { title: 'Leave them' },
        headers: { 'if-match': '*' },
      }),
      { status: 200 },
    );
    t.match(await api.call('POST', '/v1/manage-links', { body: { email: 'ada@example.org' } }), {
      status: 202,
    });
    t.match(await api.call('GET', '/v1/petitions/meadows'), { status: 200 });
    t.same(await told(), [['signing'], ['paused{what="signing"} 1', 'paused{what="writing"} 0']]);
    t.equal('message' in (await sign('ada@example.org')).body, false, 'there is no sentence of the operator');
  });

  await t.test('signing: people can leave lists and be erased', async (t) => {
    await collectMail(api);
    const asked = await api.call('POST', '/v1/unsubscribe', {
      body: { email: 'bo@example.org', organization_id },
    });
    t.match(asked, { status: 202 });
    const [links] = await collectMail(api);
    const left = await api.app.inject({
      method: 'POST',
      url: '/unsubscribe',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URL(links!.values.subscriptions![0]!.link).searchParams.toString(),
    });
    t.equal(left.statusCode, 200);
    const list = () => api.call('GET', '/v1/subscriptions?email=bo@example.org', { key: secret });
    t.match(await list(), { body: { data: [{ status: 'unsubscribed' }] } });
    await collectMail(api);
    await api.call('POST', '/v1/manage-links', { body: { email: 'bo@example.org' } });
    const [link] = await collectMail(api);
    const session = await api.call('POST', '/v1/sessions', { body: { token: tokenOf(link!) } });
    t.match(session, { status: 201 });
    const gone = await api.call('DELETE', '/v1/me', { key: session.body.session_token });
    t.match(gone, { status: 204 }, gone.text);
    t.match(await list(), { body: { data: [] } });
    t.match(await sign('bo@example.org'), paused);
  });

  await t.test('writing: reading alone goes on, and people get a page', async (t) => {
    await pause(api.store, { what: 'writing', message: 'We move house <tonight>.', retryAfter: 60 });
    const ask = () => api.call('POST', '/v1/manage-links', { body: { email: 'ada@example.org' } });
    await until(async () => (await ask()).status === 503, 'it knows');
    t.match(await ask(), {
      ...paused,
      body: { code: 'paused', detail: 'We move house <tonight>.', message: 'We move house <tonight>.' },
    });
    t.match(await api.call('GET', '/v1/petitions/meadows/counts'), { status: 200 });
    t.match(await api.call('GET', '/readyz'), { status: 200 }, 'it can serve');
    const pageOf = (language: string) =>
      api.app.inject({
        method: 'POST',
        url: '/unsubscribe',
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'accept-language': language },
        payload: `token=pb_${'0'.repeat(40)}`,
      });
    const page = await pageOf('en');
    t.equal(page.statusCode, 503);
    t.match(page.headers, { 'content-type': /^text\/html/, 'retry-after': '60' });
    t.match(page.body, 'We move house &lt;tonight&gt;.');
    t.match(page.body, 'Please try again later');
    const german = (await pageOf('de')).body;
    t.match(german, '<h1>Im Moment unterbrochen</h1>');
    t.match(german, 'We move house &lt;tonight&gt;.');
    t.match(german, 'Bitte versuchen Sie es später noch einmal');
    await pause(api.store, { what: 'writing', message: null, retryAfter: 60 });
    await until(async () => !(await pageOf('de')).body.includes('We move house'), 'the sentence is gone');
    const ours = (await pageOf('de')).body;
    t.match(ours, 'Es wurde nichts geändert');
    t.notMatch(ours, 'Changes are paused');
  });

  await t.test('resuming one leaves the other', async (t) => {
    t.same(await resume(api.store, 'writing'), ['writing']);
    const ask = () => api.call('POST', '/v1/manage-links', { body: { email: 'ada@example.org' } });
    await until(async () => (await ask()).status === 202, 'it goes on');
    t.match(await sign('ada@example.org'), paused);
    t.same(await resume(api.store), ['signing']);
    await known(202);
  });
});
