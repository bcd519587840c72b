import type { Test } from 'tap';
import { build } from '../../../src/app.js';
import { createKey } from '../../../src/core/organization/api-keys.js';
import { documentOf } from '../../../src/http/openapi/openapi.js';
import {
  onEveryEngine,
  openTestStore,
  publish,
  ROOT_KEY,
  start,
  type Engine,
  makePartner,
} from '../../support/helper.js';

const OURS = 'https://anglers.example';
const WILD = 'https://*.anglers.example';
const REFUSED = { status: 403, body: { code: 'origin_not_allowed' } };

async function coalition(t: Test, engine: Engine) {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const partner = await api.organization('Anglers');
  const petition = await publish(api, lead.secret, { slug: 'meadows', challenge: 'off' });
  await makePartner(api, lead.secret, petition.id, partner);
  const keyOn = async (organizationKey: number, origins: string[]) => {
    const input = { organizationKey, kind: 'publishable', name: 'Site', scopes: [], origins } as const;
    return (await createKey(api.app.ctx, input)).token;
  };
  let signers = 0;
  const sign = (key: string | undefined, origin: string | undefined, slug = 'meadows') =>
    api.call('POST', `/v1/petitions/${slug}/signatures`, {
      key,
      headers: origin === undefined ? {} : { origin },
      body: { email: `signer${(signers += 1)}@example.org`, name: 'N' },
    });
  return { api, lead, partner, keyOn, sign };
}

type Raw = { statusCode: number; headers: Record<string, unknown>; body: string };
/** The code of a problem; undefined for any other answer. */
const codeOf = ({ headers, body }: Raw): string | undefined =>
  String(headers['content-type']).startsWith('application/problem+json') ? JSON.parse(body).code : undefined;

onEveryEngine('a key with a list, on every operation', async (t, engine) => {
  const { api, partner, keyOn } = await coalition(t, engine);
  const key = await keyOn(partner.key, [OURS]);
  const paths = (documentOf(api.app) as any).paths as Record<string, Record<string, any>>;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { operationId }]) => operationId !== undefined)
      .map(([method, { operationId, security }]) => ({ path, method, operationId, security })),
  );
  const call = (method: string, path: string, headers: Record<string, string>, token: string | null = key) =>
    api.app.inject({
      method: method.toUpperCase() as 'GET',
      url: path.replaceAll(/\{[^}]+\}/g, 'x'),
      headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
    });
  t.ok(operations.length > 60, `all of them: ${operations.length}`);

  const takesKeys = ({ security }: (typeof operations)[number]) =>
    security.every((one: object) => !('session' in one || 'adminKey' in one));
  const missing = ({ security }: (typeof operations)[number]) =>
    security.some((one: object) => 'adminKey' in one) ? 'admin_key_required' : 'session_required';
  /** What each operation answers, by its name. */
  const ask = async (headers: Record<string, string>) => {
    const answers = operations.map(async (one) => ({
      ...one,
      answer: await call(one.method, one.path, headers),
    }));
    return Promise.all(answers);
  };
  const byName = (found: Awaited<ReturnType<typeof ask>>, tell: (one: (typeof found)[number]) => unknown) =>
    Object.fromEntries(found.map((one) => [one.operationId, tell(one)]));

  await t.test('403: from another page, which can read why', async (t) => {
    for (const origin of ['https://evil.test', 'null', `${OURS}.evil.test`]) {
      const answers = await ask({ origin });
      t.same(
        byName(answers, ({ answer }) => [answer.statusCode, codeOf(answer)]),
        byName(answers, (one) => (takesKeys(one) ? [403, 'origin_not_allowed'] : [401, missing(one)])),
        origin,
      );
      for (const { operationId, answer } of answers) {
        const { 'access-control-allow-origin': readers, 'cache-control': kept } = answer.headers;
        if (readers !== '*' || kept !== 'no-store') t.fail(`${operationId} from ${origin}`);
        if (/evil|anglers|pk_/.test(answer.body)) t.fail(`${operationId} repeats, or tells the list`);
      }
    }
    const preflight = await call(
      'OPTIONS',
      '/v1/petitions/{x}/signatures',
      { origin: 'https://evil.test' },
      null,
    );
    t.equal(preflight.statusCode, 204, 'a preflight has no key: the request itself is refused');
  });

  await t.test('from a page of the list, and reading without an Origin: as ever', async (t) => {
    const refused = ({ answer }: { answer: Raw }) => codeOf(answer) === 'origin_not_allowed';
    const theirs = await ask({ origin: OURS });
    t.same(
      byName(theirs, refused),
      byName(theirs, () => false),
      'from the page',
    );
    const none = await ask({});
    t.same(
      byName(none, refused),
      byName(none, (one) => takesKeys(one) && one.method !== 'get'),
      'without an Origin',
    );
  });
});

onEveryEngine('keys and petitions with lists, attacked', async (t, engine) => {
  const { api, lead, partner, keyOn, sign } = await coalition(t, engine);
  const stranger = await api.organization('Strangers');
  await publish(api, lead.secret, { slug: 'bound', challenge: 'off', origins: ['https://meadows.example'] });
  const PAGES = {
    nowhere: undefined,
    null: 'null',
    ours: OURS,
    shouted: 'HTTPS://ANGLERS.EXAMPLE',
    'with its port': `${OURS}:443`,
    'below ours': 'https://a.b.anglers.example',
    'the petition’s': 'https://meadows.example',
    plain: 'http://anglers.example',
    'another port': `${OURS}:8443`,
    suffixed: `${OURS}.evil.test`,
    prefixed: 'https://evil-anglers.example',
    'as user': `${OURS}@evil.test`,
    dotted: `${OURS}.`,
    slashed: `${OURS}/`,
    two: `${OURS}, https://evil.test`,
    homograph: 'https://xn--nglers-4nf.example',
    extension: 'chrome-extension://anglers.example',
  };
  const everywhere = Object.keys(PAGES);
  const onOurs = ['ours', 'shouted', 'with its port'];
  const matrix: [who: string, key: string | undefined, slug: string, good: string[]][] = [
    ['nobody', undefined, 'meadows', everywhere],
    ['nobody, where the petition has a list', undefined, 'bound', ['the petition’s']],
    ['a key with a list', await keyOn(partner.key, [OURS]), 'meadows', onOurs],
    ['a key with a wildcard', await keyOn(partner.key, [WILD]), 'meadows', ['below ours']],
    ['a key with both', await keyOn(partner.key, [WILD, OURS]), 'meadows', [...onOurs, 'below ours']],
    ['a key without a list', await keyOn(partner.key, []), 'meadows', everywhere],
    ['the lead’s key with a list, against the petition’s', await keyOn(lead.key, [OURS]), 'bound', onOurs],
    ['the lead’s key without a list', await keyOn(lead.key, []), 'bound', everywhere],
  ];
  for (const [who, key, slug, good] of matrix) {
    await t.test(`signPetition 202 and 403: ${who}`, async (t) => {
      const answers = Object.entries(PAGES).map(
        async ([name, page]) => [name, await sign(key, page, slug)] as const,
      );
      for (const [name, answer] of await Promise.all(answers)) {
        t.match(answer, good.includes(name) ? { status: 202 } : REFUSED, name);
        t.equal(answer.headers['access-control-allow-origin'], '*');
      }
    });
  }

  await t.test('signPetition 403: refused ones leave nothing behind', async (t) => {
    const { signatures } = api.store.tables;
    const before = (await api.store.read.db.select({ key: signatures.key }).from(signatures)).length;
    t.match(await sign(undefined, 'https://evil.test', 'bound'), REFUSED);
    t.match(await sign(await keyOn(partner.key, [OURS]), 'https://evil.test'), REFUSED);
    t.equal((await api.store.read.db.select({ key: signatures.key }).from(signatures)).length, before);
  });

  await t.test('an origin opens nothing by itself', async (t) => {
    t.match(await sign(await keyOn(stranger.key, []), 'https://meadows.example', 'bound'), {
      status: 403,
      body: { code: 'not_a_partner' },
    });
    t.match(await sign(lead.secret, 'https://meadows.example', 'bound'), {
      status: 403,
      body: { code: 'secret_key_in_browser' },
    });
    t.match(await sign(lead.secret, undefined, 'bound'), { status: 201 }, 'a server has no page');
  });
});

onEveryEngine('the origins of a key', async (t, engine) => {
  const { api, lead, partner, sign } = await coalition(t, engine);
  const create = (body: unknown, key = partner.secret) => api.call('POST', '/v1/api-keys', { key, body });
  const patch = (id: string, body: unknown, key: string | undefined = partner.secret) =>
    api.call('PATCH', `/v1/api-keys/${id}`, { key, body });
  const made = await create({ kind: 'publishable', name: 'Site', origins: [OURS, WILD] });
  const { id, token } = made.body;

  await t.test('createApiKey 201, listApiKeys 200: with a list, or none', async (t) => {
    t.match(made, { status: 201, body: { kind: 'publishable', origins: [OURS, WILD] } });
    const open = await create({ kind: 'publishable', name: 'Everywhere' });
    t.same(open.body.origins, []);
    t.same((await create({ kind: 'secret', name: 'CRM', origins: [] })).body.origins, []);
    const { data } = (await api.call('GET', '/v1/api-keys', { key: partner.secret })).body;
    t.same(data.find((one: any) => one.id === id).origins, [OURS, WILD]);
  });

  await t.test('createApiKey 422: a list for a secret key, and what is no origin', async (t) => {
    t.match(await create({ kind: 'secret', name: 'x', origins: [OURS] }), {
      status: 422,
      body: { errors: [{ pointer: '/origins', code: 'misplaced' }] },
    });
    const wrong = [
      '*',
      'null',
      'anglers.example',
      `${OURS}/`,
      `${OURS}/a`,
      'https://*',
      'https://a.*.example',
    ];
    for (const one of [
      ...wrong,
      'https://Anglers.example',
      'https://u@a.example',
      'https://bücher.example',
    ]) {
      t.match(await create({ kind: 'publishable', name: 'x', origins: [OURS, one] }), {
        status: 422,
        body: { errors: [{ pointer: '/origins/1', code: 'pattern' }] },
      });
    }
    const many = Array.from({ length: 51 }, (_, i) => `https://a${i}.example`);
    t.match(await create({ kind: 'publishable', name: 'x', origins: many }), { status: 422 });
  });

  await t.test('updateApiKey 200: a merge patch, for the next request, in another process too', async (t) => {
    const store = await openTestStore(api.url);
    const config = { publicUrl: 'http://undersigned.test', trustProxy: [], limits: null };
    const { erasures } = api.app.ctx;
    const other = await build({ config, store, rootKey: ROOT_KEY, erasures });
    t.teardown(async () => {
      await other.close();
      await store.close();
    });
    const there = async (origin: string) => {
      const headers = { authorization: `Bearer ${token}`, origin };
      return (await other.inject({ url: '/v1/petitions/meadows/counts', headers })).statusCode;
    };
    t.equal(await there('https://new.example'), 403);
    t.match(await patch(id, { origins: ['https://new.example'] }), {
      status: 200,
      headers: { 'cache-control': 'private, no-store' },
      body: { id, name: 'Site', origins: ['https://new.example'] },
    });
    t.equal(await there('https://new.example'), 200);
    t.equal(await there(OURS), 403);
    t.match(await sign(token, OURS), REFUSED);
    t.match(await sign(token, 'https://new.example'), { status: 202 });
    t.match(await patch(id, { name: 'New site' }), {
      body: { name: 'New site', origins: ['https://new.example'] },
    });
    t.match(await patch(id, { origins: null }), { status: 200, body: { name: 'New site', origins: [] } });
    t.match(await sign(token, undefined), { status: 202 });
    t.equal(await there('https://anywhere.example'), 200);
    const answer = await patch(id, { origins: [OURS] });
    t.notMatch(answer.text, token.slice(3, -4), 'the key itself is not shown again');
  });

  await t.test('updateApiKey 400, 401, 403, 404, 422', async (t) => {
    t.match(await patch(id, '{'), { status: 400 });
    t.match(await patch('key_x', { name: 'x' }), { status: 400 });
    t.match(await api.call('PATCH', `/v1/api-keys/${id}`, { body: { name: 'x' } }), {
      status: 401,
      body: { code: 'key_required' },
    });
    const weak = await api.newKey(partner.key, 'secret', ['signatures:read']);
    t.match(await patch(id, { name: 'x' }, weak), { status: 403, body: { code: 'scope_required' } });
    for (const [one, by] of [
      [id, lead.secret],
      [`key_${'0'.repeat(26)}`, partner.secret],
    ] as const) {
      t.match(await patch(one, { name: 'x', origins: null }, by), {
        status: 404,
        body: { code: 'api_key_not_found' },
      });
    }
    const secret = (await create({ kind: 'secret', name: 'CRM' })).body.id;
    t.match(await patch(secret, { origins: [OURS] }), {
      status: 422,
      body: { errors: [{ pointer: '/origins', code: 'misplaced' }] },
    });
    t.match(await patch(secret, { origins: null, name: 'Their CRM' }), { status: 200 });
    for (const [body, pointer] of [
      [{ name: null }, '/name'],
      [{ origins: ['https://a.example/'] }, '/origins/0'],
      [{ scopes: [] }, '/scopes'],
      [{ kind: 'secret' }, '/kind'],
      [{}, ''],
    ] as const) {
      t.match(await patch(id, body), { status: 422, body: { errors: [{ pointer }] } });
    }
    const { data } = (await api.call('GET', '/v1/api-keys', { key: partner.secret })).body;
    t.match(
      data.find((one: any) => one.id === id),
      { name: 'New site', origins: [OURS] },
      'nothing changed',
    );
  });
});
