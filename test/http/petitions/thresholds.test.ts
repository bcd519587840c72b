import { onEveryEngine, PETITION, publish, start } from '../../support/helper.js';

onEveryEngine('thresholds', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const sign = async (ref: string, name: string) => {
    const body = { email: `${name}@example.org`, name };
    return (await api.call('POST', `/v1/petitions/${ref}/signatures`, { key: lead.secret, body })).body;
  };
  const read = async (ref: string, key?: string) =>
    (await api.call('GET', `/v1/petitions/${ref}`, { key })).body;
  const patch = async (ref: string, body: unknown) => {
    const { headers } = await api.call('GET', `/v1/petitions/${ref}`, { key: lead.secret });
    return api.call('PATCH', `/v1/petitions/${ref}`, {
      key: lead.secret,
      body,
      headers: { 'if-match': String(headers['etag']) },
    });
  };
  const numbers = async (ref: string) =>
    (await read(ref)).thresholds.map(({ value, reached_at }: any) => [value, reached_at !== null]);

  await t.test('createPetition 201: sorted by value, in public once published', async (t) => {
    const thresholds = [
      { value: 3, promise: 'The mayor receives us' },
      { value: 2, promise: 'The council replies' },
    ];
    const { slug } = await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none', thresholds });
    t.same((await read(slug)).thresholds, [
      { value: 2, promise: 'The council replies', reached_at: null },
      { value: 3, promise: 'The mayor receives us', reached_at: null },
    ]);
    t.same((await read((await publish(api, lead.secret, { slug: 'bare' })).slug)).thresholds, []);
  });

  await t.test(
    'createPetition 422, updatePetition 422: each number once, positive, at most ten',
    async (t) => {
      const twice = [
        { value: 5, promise: 'One' },
        { value: 5, promise: 'Two' },
      ];
      const refused = {
        status: 422,
        body: { errors: [{ pointer: '/thresholds/1/value', code: 'not_unique' }] },
      };
      const create = (thresholds: unknown) =>
        api.call('POST', '/v1/petitions', { key: lead.secret, body: { ...PETITION, thresholds } });
      t.match(await create(twice), refused);
      t.match(await patch('meadows', { thresholds: twice }), refused);
      const many = Array.from({ length: 11 }, (_, i) => ({ value: i + 1, promise: 'Something' }));
      for (const bad of [
        many,
        [{ value: 0, promise: 'Zero' }],
        [{ value: -1, promise: 'Less' }],
        [{ value: 5 }],
        [{ value: 5, promise: ' ' }],
        [{ value: 5, promise: 'More', reached_at: '2026-11-27T18:02:11.000Z' }],
      ]) {
        t.match(await create(bad), { status: 422, body: { code: 'invalid_body' } });
      }
    },
  );

  await t.test('a threshold is reached with the signature that reaches it, and stays', async (t) => {
    await sign('meadows', 'ada');
    t.same(await numbers('meadows'), [
      [2, false],
      [3, false],
    ]);
    const { id: signatureId } = await sign('meadows', 'ben');
    const { thresholds, milestones } = await read('meadows');
    t.match(thresholds, [{ reached_at: /^20/ }, { reached_at: null }]);
    t.same(milestones, [], 'it is no goal');
    const invalidate = { key: lead.secret, body: { reason: 'duplicate' } };
    t.equal((await api.call('POST', `/v1/signatures/${signatureId}/invalidate`, invalidate)).status, 200);
    t.match(await read('meadows'), { counts: { total: 1 } });
    t.same((await read('meadows')).thresholds, thresholds);
    await sign('meadows', 'cleo');
    t.same((await read('meadows')).thresholds, thresholds, 'reached again: the instant is the first');
  });

  await t.test('numbers from elsewhere count', async (t) => {
    const thresholds = [{ value: 250, promise: 'The council replies' }];
    await publish(api, lead.secret, { slug: 'offset', confirmation: 'none', thresholds });
    const body = { count: 300, source: 'Town hall' };
    const added = await api.call('POST', '/v1/petitions/offset/offsets', { key: lead.secret, body });
    t.same(await numbers('offset'), [[250, true]]);
    t.equal((await api.call('DELETE', `/v1/offsets/${added.body.id}`, { key: lead.secret })).status, 204);
    t.same(await numbers('offset'), [[250, true]]);
  });

  await t.test('updatePetition 200: what was reached already is reached at once', async (t) => {
    await publish(api, lead.secret, { slug: 'later', confirmation: 'none', goals: [1] });
    await sign('later', 'ada');
    const thresholds = [
      { value: 2, promise: 'Two' },
      { value: 1, promise: 'One' },
    ];
    const { status, body } = await patch('later', { thresholds });
    t.match(
      { status, thresholds: body.thresholds },
      {
        status: 200,
        thresholds: [
          { value: 1, reached_at: /^20/ },
          { value: 2, reached_at: null },
        ],
      },
    );
    t.same((await patch('later', { title: 'Another' })).body.thresholds, body.thresholds, 'others stay');
  });

  await t.test(
    'updatePetition 422: a reached number can neither be raised nor go; its words can',
    async (t) => {
      const [first] = (await read('later')).thresholds;
      const refused = {
        status: 422,
        body: { errors: [{ pointer: '/thresholds', code: 'reached', detail: /^1 has been reached/ }] },
      };
      t.match(await patch('later', { thresholds: [{ value: 5, promise: 'One' }] }), refused);
      t.match(await patch('later', { thresholds: [] }), refused);
      t.match(await patch('later', { thresholds: null }), refused);
      t.same(await numbers('later'), [
        [1, true],
        [2, false],
      ]);
      const { status, body } = await patch('later', {
        thresholds: [
          { value: 9, promise: 'Nine' },
          { value: 1, promise: 'The first' },
        ],
      });
      t.equal(status, 200);
      t.same(body.thresholds, [
        { ...first, promise: 'The first' },
        { value: 9, promise: 'Nine', reached_at: null },
      ]);
    },
  );

  await t.test('a goal with the number of a threshold, reached before, hides nothing', async (t) => {
    await publish(api, lead.secret, { slug: 'both', confirmation: 'none', goals: [2] });
    await sign('both', 'ada');
    const { id: signatureId } = await sign('both', 'ben');
    const invalidate = { key: lead.secret, body: { reason: 'duplicate' } };
    await api.call('POST', `/v1/signatures/${signatureId}/invalidate`, invalidate);
    await patch('both', { thresholds: [{ value: 2, promise: 'Two' }] });
    t.same(await numbers('both'), [[2, false]], 'fewer have signed by now');
    await sign('both', 'cleo');
    t.same(await numbers('both'), [[2, true]]);
  });
});

onEveryEngine('thresholds of many at once', async (t, engine) => {
  const api = await start(t, engine, { store: { maxWaiting: 5000 } });
  const lead = await api.organization('River Meadows');
  const values = [1, 40, 99, 100, 101];
  const thresholds = values.map((value) => ({ value, promise: `What ${value} get` }));
  await publish(api, lead.secret, { slug: 'hot', confirmation: 'none', thresholds });
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      api.call('POST', '/v1/petitions/hot/signatures', {
        key: lead.secret,
        body: { email: `person${i}@example.org`, name: `P ${i}` },
      }),
    ),
  );
  t.ok(answers.every(({ status }) => status === 201));
  const { body } = await api.call('GET', '/v1/petitions/hot');
  t.same(
    body.thresholds.filter((item: any) => item.reached_at !== null).map((item: any) => item.value),
    [1, 40, 99, 100],
  );
});
