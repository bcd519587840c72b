import { SCOPES } from '../../../schema/db/tables/organization.js';
import { createAdminKey, listAdminKeys, revokeAdminKey } from '../../../src/core/organization/admin-keys.js';
import { onEveryEngine, publish, start } from '../../support/helper.js';
import { until } from '../../support/until.js';

onEveryEngine('organization', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const get = (key: string | undefined, headers = {}) =>
    api.call('GET', '/v1/organization', { key, headers });
  const patch = (body: unknown, ifMatch?: string, key = lead.secret) =>
    api.call('PATCH', '/v1/organization', { key, body, headers: ifMatch ? { 'if-match': ifMatch } : {} });

  await t.test('getOrganization 200 and 304: any secret key may ask', async (t) => {
    const weak = await api.newKey(lead.key, 'secret', []);
    const { status, body, headers } = await get(weak);
    t.match(
      { status, body },
      { status: 200, body: { id: lead.id, slug: 'river-meadows', name: 'River Meadows', url: null } },
    );
    t.match(await get(weak, { 'if-none-match': headers['etag'] ?? '' }), { status: 304 });
  });

  await t.test('getOrganization 401: without a secret key', async (t) => {
    t.match(await get(undefined), { status: 401, body: { code: 'key_required' } });
    t.match(await get(await api.newKey(lead.key, 'publishable')), {
      status: 401,
      body: { code: 'key_required' },
    });
  });

  await t.test('updateOrganization 200, 412, 428', async (t) => {
    const etag = (await get(lead.secret)).headers['etag'] ?? '';
    t.match(await patch({ url: 'https://meadows.example' }), {
      status: 428,
      body: { code: 'precondition_required' },
    });
    t.match(await patch({ url: 'https://meadows.example' }, etag), {
      status: 200,
      body: { url: 'https://meadows.example', name: 'River Meadows' },
    });
    t.match(await patch({ name: 'X' }, etag), { status: 412, body: { code: 'precondition_failed' } });
    t.match(await patch({ url: null }, '*'), { status: 200, body: { url: null } });
  });

  await t.test('updateOrganization 200 and 422: what forms show, in a colour that can be read', async (t) => {
    const looks = {
      logo_url: 'https://meadows.example/logo.png',
      color: '#7A1F5C',
      privacy_url: 'https://meadows.example/privacy',
      imprint: 'River Meadows, Ewehaven',
    };
    t.match(await patch(looks, '*'), { status: 200, body: looks });
    await publish(api, lead.secret, { slug: 'shown' });
    const { body } = await api.call('GET', '/v1/petitions/shown');
    t.match(body.organization, { ...looks, color_dark: /^#[0-9a-f]{6}$/ });
    t.notOk('reply_to' in body.organization, 'nothing else gets out');
    const listed = (await api.call('GET', '/v1/petitions')).body.data[0];
    t.same(listed.organization, body.organization);
    const refused = await patch({ color: '#ffcc00' }, '*');
    t.match(refused, { status: 422, body: { errors: [{ pointer: '/color', code: 'low_contrast' }] } });
    const { detail } = refused.body.errors[0];
    t.match(detail, 'contrast of 1.5 : 1');
    t.notMatch(detail, '#ffcc00');
    const better = /#[0-9a-f]{6}/.exec(detail)?.[0] ?? '';
    t.equal((await patch({ color: better }, '*')).status, 200, 'the shade that it names is taken');
    // The lightest grey on which white has 4.5 : 1, and the next one, which has 4.48 : 1.
    t.equal((await patch({ color: '#767676' }, '*')).status, 200);
    t.match((await patch({ color: '#777777' }, '*')).body.errors[0].detail, 'contrast of 4.4 : 1');
    for (const wrong of ['red', '#fff', '#12345g', '7a1f5c']) {
      t.match((await patch({ color: wrong }, '*')).body.errors, [{ detail: /like #0b6b50/ }], wrong);
    }
    const none = { logo_url: null, color: null, privacy_url: null, imprint: null };
    t.match(await patch(none, '*'), { status: 200, body: none });
    t.match((await api.call('GET', '/v1/petitions/shown')).body.organization, { ...none, color_dark: null });
  });

  await t.test(
    'updateOrganization 200: what mails of the organization say, and whether a mailbox is asked',
    async (t) => {
      t.match((await get(lead.secret)).body, {
        locale: 'en',
        imprint: null,
        reply_to: null,
        double_opt_in: true,
      });
      const changes = {
        locale: 'pt-BR',
        imprint: 'River Meadows\nMillgate 4, Ewehaven',
        reply_to: 'Hello@Bücher.example',
        double_opt_in: false,
      };
      const changed = { ...changes, reply_to: 'Hello@xn--bcher-kva.example' };
      t.match(await patch(changes, '*'), { status: 200, body: changed });
      t.match((await get(lead.secret)).body, changed);
      t.match(await patch({ reply_to: ' a@example.org\r\n ' }, '*'), {
        status: 200,
        body: { reply_to: 'a@example.org', double_opt_in: false },
      });
      t.match(await patch({ imprint: null, reply_to: null, double_opt_in: true }, '*'), {
        body: { imprint: null, reply_to: null, double_opt_in: true, locale: 'pt-BR' },
      });
      for (const wrong of [
        { locale: null },
        { locale: 'english' },
        { imprint: 'x'.repeat(1001) },
        { imprint: ' ' },
        { reply_to: 'nobody' },
        { reply_to: 'a@example.org, b@example.org' },
        { reply_to: 'a@example.org\r\nBcc: b@example.org' },
        { double_opt_in: 1 },
        { double_opt_in: null },
      ]) {
        t.match(await patch(wrong, '*'), {
          status: 422,
          body: { errors: [{ pointer: `/${Object.keys(wrong)[0]}` }] },
        });
      }
    },
  );

  await t.test('updateOrganization 400, 401, 403, 422', async (t) => {
    t.match(await patch('{', '*'), { status: 400 });
    t.match(await api.call('PATCH', '/v1/organization', { body: { name: 'X' } }), { status: 401 });
    t.match(await patch({ name: 'X' }, '*', await api.newKey(lead.key, 'secret', ['petitions:write'])), {
      status: 403,
    });
    t.match(await patch({ name: null }, '*'), { status: 422, body: { errors: [{ pointer: '/name' }] } });
    t.match(await patch({ slug: 'x' }, '*'), {
      status: 422,
      body: { errors: [{ pointer: '/slug', code: 'additional_properties' }] },
    });
  });
});

onEveryEngine('API keys', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const other = await api.organization('Other Group');
  const create = (body: unknown, key = lead.secret, headers = {}) =>
    api.call('POST', '/v1/api-keys', { key, body, headers });
  const list = (query = '', key = lead.secret) => api.call('GET', `/v1/api-keys${query}`, { key });
  const revoke = (id: string, key = lead.secret) => api.call('DELETE', `/v1/api-keys/${id}`, { key });

  await t.test('createApiKey 201: the token is shown once and stored nowhere', async (t) => {
    const { status, body } = await create({ kind: 'secret', name: 'CRM', scopes: ['signatures:read'] });
    t.equal(status, 201);
    t.match(body.token, /^sk_[0-9A-Za-z]{38}$/);
    t.match(body, {
      kind: 'secret',
      name: 'CRM',
      scopes: ['signatures:read'],
      hint: body.token.slice(-4),
      revoked_at: null,
    });
    t.notMatch((await list()).text, body.token.slice(3, -4));
    const rows = await api.store.read.db.select().from(api.store.tables.apiKeys);
    t.notMatch(JSON.stringify(rows), body.token.slice(3, 20));
    t.match((await create({ kind: 'publishable', name: 'Site' })).body, { token: /^pk_/, scopes: [] });
    t.same((await create({ kind: 'secret', name: 'All' })).body.scopes, SCOPES);
  });

  await t.test('createApiKey 201: a retry gives the same key, whose token no row tells', async (t) => {
    const headers = { 'idempotency-key': 'key-1' };
    const first = await create({ kind: 'publishable', name: 'Retry' }, lead.secret, headers);
    t.same((await create({ kind: 'publishable', name: 'Retry' }, lead.secret, headers)).body, first.body);
    const rows = await api.store.read.db.select().from(api.store.tables.idempotencyKeys);
    t.notOk(rows.some(({ answer }) => answer.includes(first.body.token)));
  });

  await t.test('createApiKey 400, 401, 403, 422', async (t) => {
    t.match(await create('nonsense'), { status: 400 });
    t.match(await api.call('POST', '/v1/api-keys', { body: { kind: 'secret', name: 'x' } }), { status: 401 });
    const manager = await api.newKey(lead.key, 'secret', ['keys:manage']);
    t.match(await create({ kind: 'secret', name: 'More', scopes: ['petitions:write'] }, manager), {
      status: 403,
      body: { code: 'scope_required' },
    });
    t.same(
      (await create({ kind: 'secret', name: 'Same' }, manager)).body.scopes,
      ['keys:manage'],
      'no more than itself',
    );
    t.match(await create({ kind: 'secret', name: 'x' }, await api.newKey(lead.key, 'secret', [])), {
      status: 403,
    });
    t.match(await create({ kind: 'master', name: 'x' }), { status: 422 });
    t.match(await create({ kind: 'publishable', name: 'x', scopes: ['keys:manage'] }), {
      status: 422,
      body: { errors: [{ pointer: '/scopes', code: 'misplaced' }] },
    });
    await create({ kind: 'publishable', name: 'a' }, lead.secret, { 'idempotency-key': 'k' });
    t.match(await create({ kind: 'publishable', name: 'b' }, lead.secret, { 'idempotency-key': 'k' }), {
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
  });

  await t.test('listApiKeys 200, 304, 400, 401, 403: in pages, only your own', async (t) => {
    const first = await list('?limit=2');
    t.match(first, { status: 200, body: { has_more: true } });
    const rest = (await list(`?limit=100&cursor=${first.body.next_cursor}`)).body;
    const ids = [...first.body.data, ...rest.data].map((key: any) => key.id);
    t.equal(new Set(ids).size, ids.length);
    t.equal((await list('', other.secret)).body.data.length, 1);
    t.match(
      await api.call('GET', '/v1/api-keys?limit=2', {
        key: lead.secret,
        headers: { 'if-none-match': first.headers['etag'] ?? '' },
      }),
      { status: 304 },
    );
    t.match(await list('?cursor=zz'), { status: 400, body: { code: 'invalid_cursor' } });
    t.match(await list('?limit=1000'), { status: 400 });
    t.match(await api.call('GET', '/v1/api-keys'), { status: 401 });
    t.match(await list('', await api.newKey(lead.key, 'secret', ['petitions:write'])), { status: 403 });
  });

  await t.test('revokeApiKey 200: effective on the next request', async (t) => {
    const { id, token } = (await create({ kind: 'secret', name: 'Leaked' })).body;
    t.match(await api.call('GET', '/v1/organization', { key: token }), { status: 200 });
    t.match(await revoke(id), { status: 200, body: { id, revoked_at: /Z$/ } });
    t.match(await api.call('GET', '/v1/organization', { key: token }), {
      status: 401,
      body: { code: 'invalid_key' },
    });
    t.match(await revoke(id), { status: 200 }, 'again changes nothing');
  });

  await t.test('revokeApiKey 400, 401, 403, 404', async (t) => {
    const [{ id }] = (await list('', other.secret)).body.data;
    t.match(await revoke(id), { status: 404, body: { code: 'api_key_not_found' } });
    t.match(await revoke('key_x'), { status: 400 });
    t.match(await api.call('DELETE', `/v1/api-keys/${id}`), { status: 401 });
    t.match(await revoke(id, await api.newKey(other.key, 'secret', [])), { status: 403 });
    t.match(
      await api.call('GET', '/v1/organization', { key: other.secret }),
      { status: 200 },
      'it still works',
    );
  });

  await t.test('last used is noted, to the minute', async (t) => {
    const { id, token } = (await create({ kind: 'secret', name: 'Used' })).body;
    const used = async () =>
      (await list('?limit=100')).body.data.find((key: any) => key.id === id).last_used_at;
    t.equal(await used(), null);
    await api.call('GET', '/v1/organization', { key: token });
    await until(async () => (await used()) !== null, 'the time of use');
    t.match(await used(), /^\d{4}-/);
  });
});

onEveryEngine('a script sets up an installation with an admin key', async (t, engine) => {
  const api = await start(t, engine);
  const { key: stored, token } = await createAdminKey(api.app.ctx, 'Terraform');
  const create = (body: unknown, key: string | undefined = token, headers = {}) =>
    api.call('POST', '/v1/organizations', { key, body, headers });

  await t.test('createOrganization 201: the organization and its first key, which works', async (t) => {
    const made = await create({
      name: 'Ewe Valley',
      slug: 'ewe-valley',
      reply_to: 'hello@ewe.example',
      locale: 'de',
    });
    t.match(made, {
      status: 201,
      headers: { 'cache-control': 'private, no-store' },
      body: {
        organization: {
          id: /^org_/,
          slug: 'ewe-valley',
          reply_to: 'hello@ewe.example',
          locale: 'de',
          double_opt_in: true,
        },
        api_key: { kind: 'secret', name: 'First key', scopes: SCOPES, token: /^sk_/ },
      },
    });
    const own = await api.call('GET', '/v1/organization', { key: made.body.api_key.token });
    t.match(own, { status: 200, body: { id: made.body.organization.id } });
    t.match(await create({ name: 'Önly a näme', key_name: 'CRM' }), {
      status: 201,
      body: { organization: { slug: 'oenly-a-naeme', url: null }, api_key: { name: 'CRM' } },
    });
    const [listed] = await listAdminKeys(api.store.read);
    t.ok(listed?.lastUsedAt, 'its use is noted');
  });

  await t.test('createOrganization 201: a retry makes no second one', async (t) => {
    const headers = { 'idempotency-key': 'set-up-1' };
    const [one, two] = [
      await create({ name: 'Once' }, token, headers),
      await create({ name: 'Once' }, token, headers),
    ];
    t.equal(one.status, 201);
    t.strictSame(two.body, one.body, 'with the same key');
    t.match(await create({ name: 'Twice' }, token, headers), {
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
    t.match(await create({ name: 'Once' }, token, { 'idempotency-key': '' }), {
      status: 400,
      body: { code: 'invalid_header' },
    });
  });

  await t.test('createOrganization 409 and 422', async (t) => {
    t.match(await create({ name: 'Other', slug: 'ewe-valley' }), {
      status: 409,
      body: { code: 'slug_taken' },
    });
    t.match(await create({ slug: 'nameless' }), {
      status: 422,
      body: { errors: [{ pointer: '/name', code: 'required' }] },
    });
    t.match(await create({ name: 'X', owner: 'me' }), {
      status: 422,
      body: { errors: [{ pointer: '/owner' }] },
    });
  });

  await t.test(
    'createOrganization 401 and 403: an admin key, and nothing else, not from a page',
    async (t) => {
      const { secret, key } = await api.organization('River Meadows');
      for (const other of [undefined, secret, await api.newKey(key, 'publishable')]) {
        const answer = await api.call('POST', '/v1/organizations', { key: other, body: { name: 'X' } });
        t.match(answer, { status: 401, body: { code: 'admin_key_required' } });
      }
      t.match(await create({ name: 'X' }, `${token.slice(0, -1)}_`), {
        status: 401,
        body: { code: 'invalid_key' },
      });
      t.match(await create({ name: 'X' }, token, { origin: 'https://evil.example' }), {
        status: 403,
        body: { code: 'secret_key_in_browser' },
      });
      for (const path of ['/v1/organization', '/v1/signatures?petition=x', '/v1/petitions']) {
        t.match(
          await api.call('GET', path, { key: token }),
          { status: 401, body: { code: 'invalid_key' } },
          'it opens nothing else',
        );
      }
      await revokeAdminKey(api.app.ctx, stored.publicId);
      t.match(await create({ name: 'X' }), { status: 401, body: { code: 'invalid_key' } });
    },
  );
});
