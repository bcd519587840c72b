import { onEveryEngine, PETITION, publish, start } from '../../support/helper.js';

const RICH = {
  ...PETITION,
  slug: 'old-mill-meadows',
  call_to_action: 'Sign for the meadows',
  background:
    'They hold the floods.[^1] And birds.[^2]\n\n<script>alert(1)</script> [x](javascript:alert(1)) [y](https://a.example)',
  references: [
    {
      number: 1,
      title: 'Floods',
      authors: 'M. Okafor',
      publisher: 'Water Board',
      date: '2025-03',
      url: 'https://w.example/1',
    },
    { number: 2, title: 'Birds' },
  ],
  targets: [{ name: 'Dana Whitlock', title: 'Chief Executive', organization: 'Corvane' }],
  campaigner: { name: 'Ines Marlow', role: 'Campaign manager' },
  partners: [{ name: 'Anglers', url: 'https://anglers.example' }],
  image: { url: 'https://w.example/mill.jpg', alt: 'The mill' },
  locale: 'pt-BR',
  form: { country: 'required', phone: 'off' },
  goals: [10, 100, 1000],
  share_texts: [{ network: 'x', text: 'Sign!' }],
  page_url: 'https://w.example/meadows',
  confirmation: 'none',
  opens_at: '2026-01-01T00:00:00.000Z',
  closes_at: '2126-01-01T00:00:00.000Z',
  retention_days: 365,
  external_id: 'crm-1',
  metadata: { code: 'W26' },
};

onEveryEngine('createPetition', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const other = await api.organization('Other Group');
  const create = (body: unknown, key: string | undefined = lead.secret, headers = {}) =>
    api.call('POST', '/v1/petitions', { key, body, headers });

  await t.test('201: keeps every field, renders the background safely, and is a draft', async (t) => {
    const { status, body, headers } = await create(RICH);
    t.equal(status, 201);
    t.match(headers['location'], `/v1/petitions/${body.id}`);
    t.match(headers['etag'], /^"v1\./);
    t.match(body, { ...RICH, form: {} });
    t.same(body.form, {
      country: 'required',
      postal_code: 'optional',
      postal_address: 'optional',
      phone: 'off',
      comment: 'optional',
      discloses: [],
    });
    t.match(body, { status: 'draft', open: false, outcome: 'none', milestones: [], published_at: null });
    t.match(body.background_html, '<a href="#reference-1">1</a>');
    t.match(body.background_html, 'rel="nofollow noopener noreferrer"');
    t.notMatch(body.background_html, /<script|href="javascript/);
    t.same(body.counts, {
      confirmed: 0,
      pending: 0,
      invalidated: 0,
      paper: 0,
      offset: 0,
      total: 0,
      goal: 1000,
      next_milestone: 10,
      updated_at: null,
    });
  });

  await t.test('201: slugs are made from the title, and never twice', async (t) => {
    const slugs = [];
    for (let i = 0; i < 3; i += 1) slugs.push((await create(PETITION)).body.slug);
    t.same(
      slugs,
      [0, 2, 3].map((n) => `keep-the-old-mill-meadows-a-meadow${n ? `-${n}` : ''}`),
    );
    t.match((await create({ ...PETITION, title: '保护老磨坊草地' })).body.slug, /^[a-z0-9-]+$/);
  });

  await t.test(
    '201: a retry with the same Idempotency-Key is the first petition, not a second',
    async (t) => {
      const headers = { 'idempotency-key': '"5d1c3b5e-aaaa"' };
      const [first, again] = [
        await create(PETITION, lead.secret, headers),
        await create(PETITION, lead.secret, headers),
      ];
      t.equal(again.status, 201);
      t.same(again.body, first.body);
      const theirs = await create(PETITION, other.secret, headers);
      t.not(theirs.body.id, first.body.id, 'the key is private to its credential');
      const concurrent = { 'idempotency-key': 'at-once' };
      const all = await Promise.all(
        Array.from({ length: 20 }, () => create(PETITION, lead.secret, concurrent)),
      );
      t.equal(new Set(all.map(({ body }) => body.id)).size, 1);
      t.ok(all.every(({ status }) => status === 201));
    },
  );

  await t.test(
    '400: JSON that is none, bad UTF-8, NUL, half a surrogate, a bad Idempotency-Key',
    async (t) => {
      for (const body of [
        '{"title":',
        '',
        '{"title":"\\u0000","statement":"x"}',
        '{"title":"\\ud800","statement":"x"}',
        '{"__proto__":{}}',
        `${'['.repeat(20_000)}"\\u0000"${']'.repeat(20_000)}`,
      ]) {
        const answer = await create(body);
        t.match(answer, { status: 400, body: { code: 'invalid_json' } }, body.slice(0, 60));
      }
      const latin1 = await api.app.inject({
        method: 'POST',
        url: '/v1/petitions',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${lead.secret}` },
        payload: Buffer.from('{"title":"caf\xe9","statement":"x"}', 'latin1'),
      });
      t.equal(latin1.statusCode, 400);
      t.match(await create(PETITION, lead.secret, { 'idempotency-key': 'a b' }), {
        status: 400,
        body: { code: 'invalid_header' },
      });
    },
  );

  await t.test('401: without a key, with a publishable one, a mistyped and an unknown one', async (t) => {
    const pk = await api.newKey(lead.key, 'publishable');
    t.match(await api.call('POST', '/v1/petitions', { body: PETITION }), {
      status: 401,
      body: { code: 'key_required' },
      headers: { 'www-authenticate': 'Bearer' },
    });
    t.match(await create(PETITION, pk), { status: 401, body: { code: 'key_required' } });
    t.match(await create(PETITION, `${lead.secret.slice(0, -1)}!`), {
      status: 401,
      body: { code: 'invalid_key' },
    });
    t.match(await create(PETITION, 'sk_000000000000000000000000000000000AAAAA'), {
      status: 401,
      body: { code: 'invalid_key' },
    });
    t.match(await create(PETITION, lead.secret, { authorization: 'Basic abc' }), {
      status: 401,
      body: { code: 'invalid_key' },
    });
  });

  await t.test('403: a key without the scope, and a secret key out of a browser', async (t) => {
    const weak = await api.newKey(lead.key, 'secret', ['signatures:read']);
    t.match(await create(PETITION, weak), {
      status: 403,
      body: { code: 'scope_required', detail: /petitions:write/ },
    });
    t.match(await create(PETITION, lead.secret, { origin: 'https://evil.example' }), {
      status: 403,
      body: { code: 'secret_key_in_browser' },
    });
  });

  await t.test('409: a slug or an external id that is taken', async (t) => {
    t.match(await create({ ...PETITION, slug: 'old-mill-meadows' }), {
      status: 409,
      body: { code: 'slug_taken' },
    });
    t.match(await create({ ...PETITION, slug: 'old-mill-meadows' }, other.secret), {
      status: 409,
      body: { code: 'slug_taken' },
    });
    t.match(await create({ ...PETITION, external_id: 'crm-1' }), {
      status: 409,
      body: { code: 'external_id_taken' },
    });
    t.match(
      await create({ ...PETITION, external_id: 'crm-1' }, other.secret),
      { status: 201 },
      'unique per organization',
    );
  });

  await t.test('201 and 409: many at once, each with the answer that it would get alone', async (t) => {
    const titled = await Promise.all(
      Array.from({ length: 12 }, () => create({ ...PETITION, title: 'At once' })),
    );
    t.ok(titled.every(({ status }) => status === 201));
    t.equal(new Set(titled.map(({ body }) => body.slug)).size, 12, 'every slug is its own');
    const body = { ...PETITION, external_id: 'at-once' };
    const named = await Promise.all(Array.from({ length: 12 }, () => create(body)));
    t.same(named.map(({ status }) => status).sort(), [201, ...Array<number>(11).fill(409)]);
  });

  await t.test('422: instants that no clock or database can hold', async (t) => {
    for (const closes_at of [
      '2016-12-31T23:59:60Z',
      '0000-01-01T00:00:00Z',
      '9999-12-31T23:59:59-12:00',
      '2026-02-30T00:00:00Z',
    ]) {
      t.match(
        await create({ ...PETITION, closes_at }),
        { status: 422, body: { errors: [{ pointer: '/closes_at' }] } },
        closes_at,
      );
      t.equal((await api.call('GET', `/v1/petitions/x/history?from=${closes_at}`)).status, 400, closes_at);
    }
  });

  await t.test('413 and 415: a body that is too large or not JSON', async (t) => {
    t.match(await create({ ...PETITION, statement: 'x'.repeat(600_000) }), {
      status: 413,
      body: { code: 'body_too_large' },
    });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    t.match(await create('title=x', lead.secret, form), {
      status: 415,
      body: { code: 'unsupported_media_type' },
    });
    t.match(await create('x', lead.secret, { 'content-type': 'text/plain' }), { status: 415 });
  });

  await t.test('422: names every wrong field and what to do', async (t) => {
    const { status, body, text } = await create({
      title: ' ',
      statement: 7,
      colour: 'crimson',
      locale: 'xx-',
      goals: ['10'],
      image: { url: 'ftp://x' },
    });
    t.equal(status, 422);
    t.equal(body.code, 'invalid_body');
    t.same(body.errors.map((error: any) => error.pointer).sort(), [
      '/colour',
      '/goals/0',
      '/image/alt',
      '/image/url',
      '/locale',
      '/statement',
      '/title',
    ]);
    t.ok(body.errors.every((error: any) => error.detail.length > 10));
    t.notMatch(text, /ftp:|crimson/, 'no value is echoed');
  });

  await t.test('422: nothing is coerced, dropped or guessed', async (t) => {
    for (const wrong of [
      { title: null },
      { title: ['x'] },
      { goals: '10' },
      { goals: [10, 10] },
      { confirmation: 'maybe' },
      { metadata: { a: 1 } },
      { slug: 'Not_A_Slug' },
      { retention_days: 0 },
      { retention_days: 3651 },
      { retention_days: '30' },
    ]) {
      t.equal((await create({ ...PETITION, ...wrong })).status, 422, JSON.stringify(wrong));
    }
  });

  await t.test(
    '422: a citation without its reference, a reference twice, a goal below the last, a schedule backwards',
    async (t) => {
      const errorsOf = async (fields: object) => (await create({ ...PETITION, ...fields })).body.errors;
      t.match(await errorsOf({ background: 'See.[^2]', references: [{ number: 1, title: 'One' }] }), [
        { pointer: '/background', code: 'missing_reference', detail: /\[\^2\]/ },
      ]);
      t.match(
        await errorsOf({
          references: [
            { number: 1, title: 'One' },
            { number: 1, title: 'Two' },
          ],
        }),
        [{ pointer: '/references/1/number' }],
      );
      t.match(await errorsOf({ goals: [100, 50] }), [{ pointer: '/goals/1', code: 'not_ascending' }]);
      t.match(await errorsOf({ opens_at: '2027-01-02T00:00:00Z', closes_at: '2027-01-01T00:00:00Z' }), [
        { pointer: '/closes_at' },
      ]);
      t.match((await create({ ...PETITION, background: 'In code `[^9]` it is no citation.' })).status, 201);
    },
  );

  await t.test('422: an Idempotency-Key that came with another request', async (t) => {
    const headers = { 'idempotency-key': 'reused' };
    await create(PETITION, lead.secret, headers);
    t.match(await create({ ...PETITION, title: 'Other' }, lead.secret, headers), {
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
  });
});

onEveryEngine('getPetition and listPetitions', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const other = await api.organization('Other Group');
  const meadow = await publish(api, lead.secret, RICH);
  const get = (ref: string, key?: string, headers = {}) =>
    api.call('GET', `/v1/petitions/${ref}`, { key, headers });

  await t.test('200: by id and by slug, and what is private only to the lead', async (t) => {
    for (const ref of [meadow.id, meadow.slug]) {
      t.match(await get(ref), { status: 200, body: { id: meadow.id, open: true } });
    }
    t.match((await get(meadow.id, lead.secret)).body, { external_id: 'crm-1', metadata: { code: 'W26' } });
    for (const key of [undefined, other.secret, await api.newKey(lead.key, 'publishable')]) {
      const { body, text } = await get(meadow.id, key);
      t.match(body, { external_id: null, metadata: null });
      t.notMatch(text, /crm-1|W26/);
    }
  });

  await t.test(
    '200 and 304: the entity tag changes with the petition and with its count, and only then',
    async (t) => {
      const first = await get(meadow.slug);
      const etag = first.headers['etag'] ?? '';
      t.equal((await get(meadow.slug)).headers['etag'], etag);
      t.match(first.headers['cache-control'], 'stale-while-revalidate');
      for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const answer = await get(meadow.slug, undefined, { 'if-none-match': tag });
        t.match(answer, { status: 304, text: '' }, tag);
      }
      t.match(
        await get(meadow.slug, lead.secret, {
          'if-none-match': (await get(meadow.slug, lead.secret)).headers['etag'] ?? '',
        }),
        { status: 304 },
      );
      await api.call('POST', `/v1/petitions/${meadow.slug}/signatures`, {
        body: { email: 'a@example.org', name: 'A', country: 'NL' },
      });
      const after = await get(meadow.slug, undefined, { 'if-none-match': etag });
      t.match(after, { status: 200, body: { counts: { confirmed: 1 } } });
    },
  );

  await t.test('200: is compressed for those who ask, with the same content', async (t) => {
    const plain = await get(meadow.slug);
    const zipped = await api.app.inject({
      url: `/v1/petitions/${meadow.slug}`,
      headers: { 'accept-encoding': 'gzip' },
    });
    const { gunzipSync } = await import('node:zlib');
    t.equal(zipped.headers['content-encoding'], 'gzip');
    t.equal(gunzipSync(zipped.rawPayload).toString(), plain.text);
  });

  await t.test('200: the schedule turns at its instants, without anybody writing', async (t) => {
    const timed = await publish(api, lead.secret, {
      opens_at: '2030-01-01T00:00:00Z',
      closes_at: '2030-02-01T00:00:00Z',
    });
    const seen = async (instant: string) => {
      api.setClock(new Date(instant));
      const { status, open } = (await get(timed.slug)).body;
      return `${status} ${open}`;
    };
    t.equal(await seen('2029-12-31T23:59:59.999Z'), 'published false');
    t.equal(await seen('2030-01-01T00:00:00Z'), 'published true');
    t.equal(await seen('2030-01-31T23:59:59.999Z'), 'published true');
    t.equal(await seen('2030-02-01T00:00:00Z'), 'closed false');
    const list = async (status: string) =>
      (await api.call('GET', `/v1/petitions?status=${status}`)).body.data.map((item: any) => item.id);
    t.notOk((await list('published')).includes(timed.id));
    t.ok((await list('closed')).includes(timed.id));
    api.setClock(undefined);
    t.ok((await list('published')).includes(timed.id));
  });

  await t.test('308: an old slug leads to the new one, for every method', async (t) => {
    const renamed = await publish(api, lead.secret, { slug: 'first-name' });
    const { headers } = await get(renamed.id, lead.secret);
    const patched = await api.call('PATCH', `/v1/petitions/${renamed.id}`, {
      key: lead.secret,
      headers: { 'if-match': headers['etag'] ?? '' },
      body: { slug: 'second-name' },
    });
    t.match(patched, { status: 200, body: { slug: 'second-name' } });
    t.match(await get('first-name'), {
      status: 308,
      headers: { location: '/v1/petitions/second-name' },
      text: '',
    });
    t.match(await api.call('GET', '/v1/petitions/first-name/history?bucket=day'), {
      status: 308,
      headers: { location: '/v1/petitions/second-name/history?bucket=day' },
    });
    t.match(
      await api.call('POST', '/v1/petitions/first-name/signatures', {
        body: { email: 'a@example.org', name: 'A' },
      }),
      { status: 308 },
    );
    t.match(
      await api.call('POST', '/v1/petitions', {
        key: lead.secret,
        body: { ...PETITION, slug: 'first-name' },
      }),
      { status: 409 },
      'it stays taken',
    );
    const back = await api.call('PATCH', `/v1/petitions/${renamed.id}`, {
      key: lead.secret,
      headers: { 'if-match': '*' },
      body: { slug: 'first-name' },
    });
    t.match(back, { status: 200, body: { slug: 'first-name' } }, 'it may have its own back');
    t.match(await get('second-name'), { status: 308 });
  });

  await t.test('400: a name that cannot be one', async (t) => {
    for (const ref of ['Not_A_Slug', '%00', `pet_${'8'.repeat(26)}`, 'x'.repeat(101)]) {
      t.equal((await get(ref)).status, 400, ref);
    }
  });

  await t.test('401: a key that is none, even where none is needed', async (t) => {
    t.match(await get(meadow.slug, 'sk_nonsense'), { status: 401, body: { code: 'invalid_key' } });
  });

  await t.test('404: unknown, or the draft of somebody else', async (t) => {
    const draft = (
      await api.call('POST', '/v1/petitions', { key: lead.secret, body: { ...PETITION, slug: 'a-draft' } })
    ).body;
    t.match(await get('no-such-petition'), { status: 404, body: { code: 'petition_not_found' } });
    t.match(await get('pet_01kb1vq6h8er3ap3b6n2q4w5xk'), { status: 404 });
    for (const key of [undefined, other.secret]) {
      t.match(await get(draft.id, key), { status: 404, body: { code: 'petition_not_found' } });
    }
    t.match(await get(draft.slug, lead.secret), { status: 200 });
  });

  await t.test('410: taken down, with the reason, for every reader', async (t) => {
    const gone = await publish(api, lead.secret);
    await api.call('POST', `/v1/petitions/${gone.id}/transitions`, {
      key: lead.secret,
      body: { to: 'taken_down', reason: 'legal' },
    });
    for (const path of ['', '/counts', '/history', '/signatures']) {
      t.match(
        await get(`${gone.slug}${path}`),
        { status: 410, body: { code: 'petition_taken_down', reason: 'legal' } },
        path,
      );
    }
    t.match(await get(gone.id, lead.secret), { status: 410 });
  });

  await t.test('list 200: words in title and statement, without case and accents', async (t) => {
    const elan = await publish(api, lead.secret, {
      title: 'Save the Élan Vital',
      statement: 'Straße and señor, 100% of it.',
    });
    const found = async (q: string) =>
      (await api.call('GET', `/v1/petitions?q=${encodeURIComponent(q)}`)).body.data.map(
        (item: any) => item.id,
      );
    for (const q of ['elan', 'ÉLAN', 'vital save', 'strasse', 'senor', 'SEÑOR élan', '100']) {
      t.same(await found(q), [elan.id], q);
    }
    for (const q of ['ela', 'elan nothing', '1%', 'el_n', "' or 1=1 --"]) t.same(await found(q), [], q);
  });

  await t.test('list 200: filters, and drafts only for their own', async (t) => {
    const list = async (query: string, key?: string) =>
      (await api.call('GET', `/v1/petitions?${query}`, { key })).body.data as any[];
    t.ok((await list('')).every((item) => !['draft', 'taken_down'].includes(item.status)));
    t.same(await list('status=draft'), []);
    t.ok((await list('status=draft', lead.secret)).length > 0);
    t.same(await list('status=draft', other.secret), []);
    t.same(
      (await list('locale=pt-BR')).map((item) => item.id),
      [meadow.id],
    );
    t.same(await list(`organization=${other.slug}`), []);
    t.ok((await list(`organization=${lead.id}&status=published&status=closed`)).length > 1);
    t.same(
      (await list('external_id=crm-1', lead.secret)).map((item) => item.id),
      [meadow.id],
    );
    t.same(await list('external_id=crm-1'), [], 'external ids are private');
    t.same(await list('external_id=crm-1', other.secret), []);
  });

  await t.test('list 200: pages join without gap or repeat, in every order', async (t) => {
    for (const sort of ['-created_at', 'created_at', '-confirmed', 'confirmed']) {
      const whole = (await api.call('GET', `/v1/petitions?limit=100&sort=${sort}`)).body;
      t.equal(whole.has_more, false);
      const seen: string[] = [];
      let path: string | undefined = `/v1/petitions?limit=2&sort=${sort}`;
      while (path) {
        const { body, headers }: any = await api.call('GET', path);
        seen.push(...body.data.map((item: any) => item.id));
        t.equal(body.has_more, body.next_cursor !== null);
        path = /^<(.*)>; rel="next"$/.exec(headers['link'] ?? '')?.[1];
      }
      t.same(
        seen,
        whole.data.map((item: any) => item.id),
        sort,
      );
    }
    const [top] = (await api.call('GET', '/v1/petitions?sort=-confirmed')).body.data;
    t.equal(top.id, meadow.id, 'the most signed first');
  });

  await t.test('list 304 and 400: unchanged; unknown filters, sorts, cursors and limits', async (t) => {
    const { headers } = await api.call('GET', '/v1/petitions');
    t.match(await api.call('GET', '/v1/petitions', { headers: { 'if-none-match': headers['etag'] ?? '' } }), {
      status: 304,
    });
    for (const query of [
      'color=red',
      'sort=title',
      'q=!!!',
      'limit=0',
      'limit=101',
      'limit=x',
      'status=open',
      'q=',
      'locale=english',
    ]) {
      t.match(
        await api.call('GET', `/v1/petitions?${query}`),
        { status: 400, body: { code: 'invalid_query' } },
        query,
      );
    }
    const foreign = (await api.call('GET', '/v1/petitions?limit=1&sort=confirmed')).body.next_cursor;
    for (const cursor of [
      'AAAA',
      foreign,
      Buffer.from('["petitions:-created_at",1,"2"]').toString('base64url'),
    ]) {
      t.match(await api.call('GET', `/v1/petitions?cursor=${cursor}`), {
        status: 400,
        body: { code: 'invalid_cursor' },
      });
    }
  });
});

onEveryEngine('updatePetition and transitionPetition', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const other = await api.organization('Other Group');
  const patch = async (ref: string, body: unknown, ifMatch: string | undefined = '*', key = lead.secret) =>
    api.call('PATCH', `/v1/petitions/${ref}`, {
      key,
      body,
      headers: ifMatch === '' ? {} : { 'if-match': ifMatch },
    });
  const move = (ref: string, body: unknown, key = lead.secret, headers = {}) =>
    api.call('POST', `/v1/petitions/${ref}/transitions`, { key, body, headers });

  await t.test('200: absent is unchanged, null is cleared, lists are replaced, objects merged', async (t) => {
    const before = await publish(api, lead.secret, { ...RICH, slug: 'merge' });
    const { status, body } = await patch(before.id, {
      title: 'New title',
      background: null,
      references: null,
      campaigner: { role: 'Director' },
      image: null,
      form: { country: null, comment: 'required' },
      goals: [5],
      metadata: { code: null, more: 'x' },
      closes_at: null,
      retention_days: null,
      external_id: 'crm-2',
    });
    t.equal(before.retention_days, 365);
    t.equal(status, 200);
    t.match(body, {
      title: 'New title',
      statement: before.statement,
      background: null,
      background_html: null,
      references: [],
      campaigner: { name: 'Ines Marlow', role: 'Director' },
      image: null,
      form: { country: 'optional', comment: 'required', phone: 'off' },
      goals: [5],
      closes_at: null,
      retention_days: null,
      external_id: 'crm-2',
    });
    t.same(body.metadata, { more: 'x' });
    t.same(body.targets, before.targets);
    t.equal(body.slug, 'merge');
    const merge = await api.call('PATCH', `/v1/petitions/${before.id}`, {
      key: lead.secret,
      headers: { 'if-match': '*', 'content-type': 'application/merge-patch+json' },
      body: { title: 'Again' },
    });
    t.match(merge, { status: 200, body: { title: 'Again' } });
    t.equal((await api.call('GET', '/v1/petitions?q=again')).body.data.length, 1, 'search follows');
  });

  await t.test('412 and 428: nobody’s change is lost; a signature in between does no harm', async (t) => {
    const petition = await publish(api, lead.secret, { slug: 'races', confirmation: 'none' });
    const read = await api.call('GET', '/v1/petitions/races', { key: lead.secret });
    const etag = read.headers['etag'] ?? '';
    await api.call('POST', '/v1/petitions/races/signatures', { body: { email: 'b@example.org', name: 'B' } });
    t.match(await patch('races', { title: 'First' }, etag), { status: 200 });
    t.match(await patch('races', { title: 'Second' }, etag), {
      status: 412,
      body: { code: 'precondition_failed' },
    });
    t.match(await patch('races', { title: 'Third' }, '"nonsense"'), { status: 412 });
    t.match(await patch('races', { title: 'Fourth' }, ''), {
      status: 428,
      body: { code: 'precondition_required' },
    });
    const current =
      (await api.call('GET', '/v1/petitions/races', { key: lead.secret })).headers['etag'] ?? '';
    const both = await Promise.all(['A', 'B'].map((title) => patch(petition.id, { title }, current)));
    t.same(both.map(({ status }) => status).sort(), [200, 412], 'of two at once one wins');
  });

  await t.test('200: If-Match * overwrites whatever is there, also when many do so at once', async (t) => {
    await publish(api, lead.secret, { slug: 'star' });
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, i) => patch('star', { title: `T ${i}` }, '*')),
    );
    t.ok(all.every(({ status }) => status === 200));
    t.equal(new Set(all.map(({ headers }) => headers['etag'])).size, 8);
  });

  await t.test('404, 403, 401: only the lead may', async (t) => {
    const petition = await publish(api, lead.secret);
    t.match(await patch(petition.id, { title: 'X' }, '*', other.secret), {
      status: 404,
      body: { code: 'petition_not_found' },
    });
    t.match(await move(petition.id, { to: 'closed' }, other.secret), { status: 404 });
    const reader = await api.newKey(lead.key, 'secret', ['signatures:read']);
    t.match(await patch(petition.id, { title: 'X' }, '*', reader), { status: 403 });
    t.match(
      await api.call('PATCH', `/v1/petitions/${petition.id}`, { body: {}, headers: { 'if-match': '*' } }),
      { status: 401 },
    );
    t.match(await patch('no-such', { title: 'X' }), { status: 404 });
  });

  await t.test('409: taken names, and the statement once it is signed', async (t) => {
    const petition = await publish(api, lead.secret, { slug: 'fixed', confirmation: 'none' });
    t.match(await patch('fixed', { statement: 'Better words.' }), {
      status: 200,
      body: { statement: 'Better words.' },
    });
    await api.call('POST', '/v1/petitions/fixed/signatures', { body: { email: 'c@example.org', name: 'C' } });
    t.match(await patch('fixed', { statement: 'Other words.' }), {
      status: 409,
      body: { code: 'statement_fixed' },
    });
    t.match(
      await patch('fixed', { statement: 'Better words.', title: 'T' }),
      { status: 200 },
      'the same words may be sent along',
    );
    await publish(api, lead.secret, { slug: 'taken', external_id: 'crm-9' });
    t.match(await patch(petition.id, { slug: 'taken' }), { status: 409, body: { code: 'slug_taken' } });
    t.match(await patch(petition.id, { external_id: 'crm-9' }), {
      status: 409,
      body: { code: 'external_id_taken' },
    });
  });

  await t.test('422: the merged petition is held against all rules', async (t) => {
    const petition = await publish(api, lead.secret, {
      slug: 'rules',
      background: 'x[^1]',
      references: [{ number: 1, title: 'One' }],
    });
    const pointers = async (body: unknown) =>
      ((await patch(petition.id, body)).body.errors ?? []).map((error: any) => error.pointer);
    t.same(await pointers({ references: [] }), ['/background']);
    t.same(await pointers({ campaigner: { role: 'Nameless' } }), ['/campaigner/name']);
    t.same(await pointers({ image: { url: 'https://a.example/x.png' } }), ['/image/alt']);
    t.same(await pointers({ outcome: 'victory' }), ['/outcome']);
    t.same(await pointers({ title: null }), ['/title']);
    t.same(await pointers({ status: 'closed' }), ['/status']);
    t.equal((await patch(petition.id, {})).status, 422);
  });

  await t.test('transitions 200: draft, published, closed with outcome and response, archived', async (t) => {
    const { body: draft } = await api.call('POST', '/v1/petitions', { key: lead.secret, body: PETITION });
    t.match(await move(draft.id, { to: 'published' }), {
      status: 200,
      body: { status: 'published', open: true },
    });
    const closed = await move(draft.id, { to: 'closed', outcome: 'partial', response: 'Half of it.' });
    t.match(closed, {
      status: 200,
      body: { status: 'closed', open: false, outcome: 'partial', response: 'Half of it.' },
    });
    t.type(closed.body.closed_at, 'string');
    t.match(
      await patch(draft.id, { outcome: 'victory' }),
      { status: 200, body: { outcome: 'victory' } },
      'the end may come later',
    );
    t.match(await move(draft.id, { to: 'archived' }), {
      status: 200,
      body: { status: 'archived', outcome: 'victory' },
    });
  });

  await t.test('transitions 409: illegal moves name the legal ones', async (t) => {
    const { body: draft } = await api.call('POST', '/v1/petitions', { key: lead.secret, body: PETITION });
    t.match(await move(draft.id, { to: 'archived' }), {
      status: 409,
      body: { code: 'transition_not_allowed', allowed: ['published', 'taken_down'] },
    });
    await move(draft.id, { to: 'published' });
    t.match(await move(draft.id, { to: 'published' }), {
      status: 409,
      body: { allowed: ['closed', 'taken_down'] },
    });
    await move(draft.id, { to: 'closed' });
    t.match(await move(draft.id, { to: 'published' }), {
      status: 409,
      body: { allowed: ['archived', 'taken_down'] },
    });
    await move(draft.id, { to: 'archived' });
    t.match(await move(draft.id, { to: 'closed' }), { status: 409, body: { allowed: ['taken_down'] } });
  });

  await t.test(
    'transitions 410 and 422: after a take-down nothing; members where they do not belong',
    async (t) => {
      const petition = await publish(api, lead.secret);
      t.match((await move(petition.id, { to: 'taken_down' })).body, {
        code: 'invalid_body',
        errors: [{ pointer: '/reason' }],
      });
      t.match((await move(petition.id, { to: 'closed', reason: 'legal' })).body.errors, [
        { pointer: '/reason', code: 'misplaced' },
      ]);
      t.match((await move(petition.id, { to: 'archived', outcome: 'victory' })).body.errors, [
        { pointer: '/outcome' },
      ]);
      t.match(await move(petition.id, { to: 'taken_down', reason: 'privacy' }), {
        status: 200,
        body: { status: 'taken_down' },
      });
      t.match(await move(petition.id, { to: 'closed' }), { status: 410, body: { reason: 'privacy' } });
      t.match(await patch(petition.id, { title: 'X' }), { status: 410 });
    },
  );

  await t.test(
    'transitions 200: a retry with its Idempotency-Key is the first answer, not a conflict',
    async (t) => {
      const petition = await publish(api, lead.secret);
      const headers = { 'idempotency-key': 'close-once' };
      const first = await move(petition.id, { to: 'closed' }, lead.secret, headers);
      t.same((await move(petition.id, { to: 'closed' }, lead.secret, headers)).body, first.body);
      t.match(await move(petition.id, { to: 'archived' }, lead.secret, headers), {
        status: 422,
        body: { code: 'idempotency_key_reused' },
      });
    },
  );
});
