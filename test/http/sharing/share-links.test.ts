import { createHash } from 'node:crypto';
import QRCode from 'qrcode';
import type { Test } from 'tap';
import { SHARE_CODE_PATTERN } from '../../../schema/api/common.js';
import {
  makePartner,
  onEveryEngine,
  publish,
  start,
  type Engine,
  type TestApp,
} from '../../support/helper.js';
import { limits } from '../../support/high-limits.js';

const CODE = new RegExp(SHARE_CODE_PATTERN);
const NO_CODE = '2222222222';
const PAGE = 'https://meadows.example/sign';
const TEXTS = [
  { network: 'whatsapp', text: 'I signed for the meadows. You?' },
  { network: 'x', text: 'One & two #meadows' },
  { network: 'x', text: 'Another' },
  { network: 'x', text: 'A third' },
];

const make = (
  api: TestApp,
  petition: string,
  body: unknown,
  { key, headers = {} }: { key?: string | undefined; headers?: Record<string, string> } = {},
) => api.call('POST', `/v1/petitions/${petition}/share-links`, { key, body, headers });
const read = (api: TestApp, code: string, headers = {}) =>
  api.call('GET', `/v1/share-links/${code}`, { headers });

/** A petition with a page, which a partner shares, and somebody who has signed it. */
async function startShared(t: Test, engine: Engine, options = {}) {
  const api = await start(t, engine, options);
  const lead = await api.organization('River Meadows');
  const partner = await api.organization('Anglers');
  const stranger = await api.organization('Strangers');
  const petition = await publish(api, lead.secret, { slug: 'meadows', page_url: PAGE, share_texts: TEXTS });
  await makePartner(api, lead.secret, petition.id, partner);
  const sign = (email: string, fields: Record<string, unknown> = {}, key?: string) =>
    api.call('POST', '/v1/petitions/meadows/signatures', { key, body: { email, name: 'N', ...fields } });
  const receiptOf = async (email: string, key?: string): Promise<string> =>
    (await sign(email, {}, key)).body.receipt;
  return { api, lead, partner, stranger, petition, sign, receiptOf };
}

onEveryEngine('createShareLink', async (t, engine) => {
  const { api, lead, partner, stranger, petition, receiptOf } = await startShared(t, engine);
  const rows = () => api.store.read.db.select().from(api.store.tables.shareLinks);

  await t.test('201: for the petition, new each time, with all that sharing needs', async (t) => {
    const { status, headers, body, text } = await make(api, 'meadows', { network: 'whatsapp' });
    const { code } = body;
    t.match(status, 201);
    t.match(headers, { 'cache-control': 'private, no-store' });
    const url = `http://undersigned.test/s/${code}`;
    t.match(code, CODE);
    t.match(body, {
      petition_id: petition.id,
      network: 'whatsapp',
      url,
      text: 'I signed for the meadows. You?',
      composer_url: `https://wa.me/?text=${encodeURIComponent(`I signed for the meadows. You? ${url}`)}`,
      qr_svg_url: `${url}/qr.svg`,
      qr_png_url: `${url}/qr.png`,
      credited: false,
      clicks: 0,
      conversions: 0,
    });
    t.notMatch(text, /sig_|sup_|org_|var_|"key"/);
    t.not((await make(api, 'meadows', { network: 'whatsapp' })).body.code, code);
  });

  await t.test('201: a network without a text, and those without a composer', async (t) => {
    t.match(await make(api, petition.id, { network: 'reddit' }), {
      status: 201,
      body: {
        text: null,
        composer_url: /^https:\/\/www\.reddit\.com\/submit\?url=.+&title=Keep%20the%20Old/,
      },
    });
    for (const network of ['signal', 'copy']) {
      t.match(await make(api, 'meadows', { network }), { body: { text: null, composer_url: null } });
    }
  });

  await t.test(
    '201: the same receipt gets the same link on a network, also five times at once',
    async (t) => {
      const receipt = await receiptOf('ada@example.org');
      const ask = (network: string) => make(api, 'meadows', { network, receipt, source: 'thanks' });
      const all = await Promise.all(Array.from({ length: 5 }, () => ask('x')));
      t.same(
        all.map(({ status }) => status),
        [201, 201, 201, 201, 201],
      );
      t.equal(new Set(all.map(({ body }) => body.code)).size, 1);
      t.match(all[0]?.body, { credited: true });
      t.not((await ask('bluesky')).body.code, all[0]?.body.code, 'each network has its own');
    },
  );

  await t.test('201: the same link at once, whichever wordings are drawn', async (t) => {
    const share_texts = Array.from({ length: 20 }, (_, i) => ({ network: 'x', text: `Text ${i}` }));
    const fields = { slug: 'drawn', page_url: PAGE, share_split: 'adaptive', share_texts };
    await publish(api, lead.secret, fields);
    const body = { email: 'ada@example.org', name: 'N' };
    const { receipt } = (await api.call('POST', '/v1/petitions/drawn/signatures', { body })).body;
    const ask = () => make(api, 'drawn', { network: 'x', receipt });
    const all = await Promise.all(Array.from({ length: 5 }, ask));
    t.equal(new Set(all.map(({ body }) => body.code)).size, 1);
  });

  await t.test('201: two receipts of one person share nothing, and tell nothing', async (t) => {
    const [own, typed] = [await receiptOf('bo@example.org'), await receiptOf('bo@example.org')];
    const fresh = await receiptOf('nobody@example.org');
    const mine = await make(api, 'meadows', { network: 'copy', receipt: own });
    const theirs = await make(api, 'meadows', { network: 'copy', receipt: typed });
    const unknown = await make(api, 'meadows', { network: 'copy', receipt: fresh });
    t.not(mine.body.code, theirs.body.code);
    const bare = ({ status, body }: typeof mine) => {
      const text = JSON.stringify(body).replaceAll(body.code, 'CODE').replace(body.created_at, 'THEN');
      return { status, text };
    };
    t.same(bare(theirs), bare(unknown), 'whoever typed the address hears what everybody hears');
  });

  await t.test('201: once with an Idempotency-Key', async (t) => {
    const headers = { 'idempotency-key': 'share-1' };
    const first = await make(api, 'meadows', { network: 'sms' }, { headers });
    const before = (await rows()).length;
    t.same((await make(api, 'meadows', { network: 'sms' }, { headers })).body, first.body);
    t.equal((await rows()).length, before);
    const other = await make(api, 'meadows', { network: 'email' }, { headers });
    t.equal(other.status, 201, 'of another stranger it is another key');
    t.not(other.body.code, first.body.code);
    const options = { key: lead.secret, headers };
    t.equal((await make(api, 'meadows', { network: 'sms' }, options)).status, 201);
    t.match(await make(api, 'meadows', { network: 'email' }, options), {
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
    t.match(await make(api, 'meadows', { network: 'sms' }, { headers: { 'idempotency-key': 'ä' } }), {
      status: 400,
      body: { code: 'invalid_header' },
    });
  });

  await t.test(
    '201: attributed to the organization of the key that makes it, and never to the collector of the signature',
    async (t) => {
      const publishable = await api.newKey(partner.key, 'publishable');
      const organizationOf = async (body: object, key?: string) => {
        const { code } = (await make(api, 'meadows', body, { key })).body;
        return (await rows()).find((row) => row.code === code)?.organizationKey;
      };
      t.equal(await organizationOf({ network: 'copy' }), null);
      t.equal(await organizationOf({ network: 'copy' }, publishable), partner.key);
      t.equal(await organizationOf({ network: 'copy' }, lead.secret), lead.key);
      const receipt = await receiptOf('cy@example.org', publishable);
      t.equal(
        await organizationOf({ network: 'copy', receipt }),
        null,
        'else a receipt would tell whose signer it is',
      );
      t.equal(await organizationOf({ network: 'sms', receipt }, lead.secret), lead.key);
    },
  );

  await t.test('308: an old slug', async (t) => {
    const { headers } = await api.call('GET', `/v1/petitions/${petition.id}`, { key: lead.secret });
    const patch = {
      key: lead.secret,
      body: { slug: 'fields' },
      headers: { 'if-match': String(headers['etag']) },
    };
    t.equal((await api.call('PATCH', `/v1/petitions/${petition.id}`, patch)).status, 200);
    t.match(await make(api, 'meadows', { network: 'copy' }), {
      status: 308,
      headers: { location: '/v1/petitions/fields/share-links' },
    });
  });

  await t.test('400, 401, 403', async (t) => {
    t.match(await make(api, 'fields', '{'), { status: 400, body: { code: 'invalid_json' } });
    t.match(await make(api, 'fields', { network: 'copy' }, { key: 'sk_x' }), { status: 401 });
    for (const kind of ['secret', 'publishable'] as const) {
      const key = await api.newKey(stranger.key, kind);
      t.match(await make(api, 'fields', { network: 'copy' }, { key }), {
        status: 403,
        body: { code: 'not_a_partner' },
      });
    }
    const pages = await publish(api, lead.secret, {
      slug: 'pages',
      page_url: PAGE,
      origins: [new URL(PAGE).origin],
    });
    t.match(
      await make(api, pages.id, { network: 'copy' }, { headers: { origin: 'https://other.example' } }),
      {
        status: 403,
        body: { code: 'origin_not_allowed' },
      },
    );
    const headers = { origin: new URL(PAGE).origin };
    t.match(await make(api, pages.id, { network: 'copy' }, { headers }), { status: 201 });
  });

  await t.test('404, 409, 410', async (t) => {
    t.match(await make(api, 'no-such', { network: 'copy' }), {
      status: 404,
      body: { code: 'petition_not_found' },
    });
    const body = { title: 'D', statement: 'D', slug: 'draft', page_url: PAGE };
    await api.call('POST', '/v1/petitions', { key: lead.secret, body });
    t.match(await make(api, 'draft', { network: 'copy' }), { status: 404 });
    t.match(await make(api, 'draft', { network: 'copy' }, { key: lead.secret }), {
      status: 409,
      body: { code: 'petition_not_published' },
    });
    const bare = await publish(api, lead.secret, { slug: 'bare' });
    t.equal(
      (await make(api, bare.id, { network: 'copy' })).status,
      201,
      'it leads to the page of this server',
    );
    const to = (status: string) =>
      api.call('POST', '/v1/petitions/pages/transitions', {
        key: lead.secret,
        body: { to: status, ...(status === 'taken_down' ? { reason: 'other' } : {}) },
      });
    await to('closed');
    const headers = { origin: new URL(PAGE).origin };
    const closed = await make(api, 'pages', { network: 'copy' }, { headers });
    t.match(closed, { status: 201 }, 'who has signed may still tell others');
    await to('taken_down');
    t.match(await make(api, 'pages', { network: 'copy' }), { status: 410 });
  });

  await t.test('413, 415, 422', async (t) => {
    t.match(await make(api, 'fields', { network: 'copy', source: 'x'.repeat(70_000) }), { status: 413 });
    const plain = { headers: { 'content-type': 'text/plain' } };
    t.match(await make(api, 'fields', 'network=copy', plain), { status: 415 });
    for (const wrong of [
      {},
      { network: 'myspace' },
      { network: 'copy', code: 'x' },
      { network: 'copy', receipt: 'rc_x' },
    ]) {
      t.match(await make(api, 'fields', wrong), { status: 422, body: { code: 'invalid_body' } });
    }
    const other = await publish(api, lead.secret, { slug: 'other', page_url: PAGE });
    const receipt = (
      await api.call('POST', '/v1/petitions/fields/signatures', {
        body: { email: 'di@example.org', name: 'N' },
      })
    ).body.receipt;
    const forged = `rc_${'A'.repeat(59)}`;
    for (const [ref, wrong] of [
      [other.id, receipt],
      ['fields', forged],
    ]) {
      const answer = await make(api, ref, { network: 'copy', receipt: wrong });
      t.match(answer, { status: 422, body: { code: 'receipt_invalid' } });
      t.notMatch(answer.text, wrong);
    }
  });
});

onEveryEngine('createShareLink: limits and wordings', async (t, engine) => {
  const config = {
    publicUrl: 'http://undersigned.test',
    trustProxy: [],
    limits: { ...limits, share: { requests: 120, seconds: 60 } },
  };
  const { api, lead } = await startShared(t, engine, { build: { config } });
  const textsOf = async (count: number, network = 'x') => {
    const texts: Record<string, number> = {};
    for (let i = 0; i < count; i += 1) {
      const { text } = (await make(api, 'meadows', { network })).body;
      texts[text] = (texts[text] ?? 0) + 1;
    }
    return texts;
  };

  await t.test('201: `even` gives each text as many links', async (t) => {
    t.same(await textsOf(9), { 'One & two #meadows': 3, Another: 3, 'A third': 3 });
  });

  await t.test('201: `adaptive` comes to prefer what brings signatures', async (t) => {
    const patch = async (body: object) => {
      const { headers } = await api.call('GET', '/v1/petitions/meadows', { key: lead.secret });
      const { status } = await api.call('PATCH', '/v1/petitions/meadows', {
        key: lead.secret,
        body,
        headers: { 'if-match': String(headers['etag']) },
      });
      t.equal(status, 200);
    };
    const sms = ['good', 'bad'].map((text) => ({ network: 'sms', text }));
    await patch({ share_split: 'adaptive', share_texts: sms });
    // Twenty links each, of which only the good ones have brought anybody.
    await api.store.transact(async (tx) => {
      const { shareVariants, shareHistory, petitions } = tx.tables;
      const [petition] = await tx.db.select().from(petitions);
      for (const [i, { text }] of sms.entries()) {
        const [variant] = await tx.db
          .insert(shareVariants)
          .values({
            publicId: api.app.ctx.newId('var'),
            petitionKey: petition?.key ?? 0,
            network: 'sms',
            text,
            hash: createHash('sha256').update(text).digest(),
            createdAt: tx.now,
          })
          .returning();
        const none = { organizationKey: 0, shard: 0, requests: 0, clicks: 0 };
        await tx.db.insert(shareHistory).values({
          ...none,
          variantKey: variant?.key ?? 0,
          hour: 1,
          links: 20,
          conversions: i === 0 ? 20 : 0,
        });
      }
    });
    const { good = 0, bad = 0 } = await textsOf(40, 'sms');
    t.equal(good + bad, 40);
    t.ok(good > 35, `${good} of 40 are the good one`);
  });

  await t.test('429: too many in a minute, whatever the petition', async (t) => {
    const statuses = await Promise.all(
      Array.from({ length: 80 }, async () => (await make(api, 'nowhere', { network: 'x' })).status),
    );
    t.same([...new Set(statuses)].sort(), [404, 429]);
  });
});

onEveryEngine('getShareLink, getShareLinkQrSvg, getShareLinkQrPng', async (t, engine) => {
  const { api, lead, receiptOf } = await startShared(t, engine);
  const receipt = await receiptOf('ada@example.org');
  const made = await make(api, 'meadows', { network: 'whatsapp', receipt, source: 'mail' });
  const { code, url } = made.body;

  await t.test('getShareLink 200, 304: what it has brought, and not for whom', async (t) => {
    const answer = await read(api, code);
    t.match(answer, {
      status: 200,
      headers: { 'cache-control': 'public, max-age=1, stale-while-revalidate=10' },
    });
    t.same(answer.body, made.body);
    t.notMatch(answer.text, /ada|example\.org|sig_|sup_|org_|var_|mail/);
    t.equal((await read(api, code, { 'if-none-match': answer.headers['etag'] })).status, 304);
  });

  await t.test('QR codes 200: the link, for good', async (t) => {
    const svg = await api.call('GET', `/s/${code}/qr.svg`);
    const kept = {
      'cache-control': 'public, max-age=31536000, immutable',
      'cross-origin-resource-policy': 'cross-origin',
    };
    t.match(svg, { status: 200, headers: { 'content-type': 'image/svg+xml', ...kept } });
    t.equal(svg.text, await QRCode.toString(url, { type: 'svg', margin: 4, errorCorrectionLevel: 'M' }));
    const png = await api.app.inject({ method: 'GET', url: `/s/${code}/qr.png` });
    t.match(png, { statusCode: 200, headers: { 'content-type': 'image/png', ...kept } });
    t.equal(png.rawPayload.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
    const modules = QRCode.create(url, { errorCorrectionLevel: 'M' }).modules.size;
    t.equal(png.rawPayload.readUInt32BE(16), (modules + 8) * 10, 'ten pixels a module, with a quiet zone');
    t.equal((await api.call('HEAD', `/s/${code}/qr.svg`)).status, 200);
  });

  await t.test('400, 404', async (t) => {
    for (const path of ['/v1/share-links/CODE', '/s/CODE/qr.svg', '/s/CODE/qr.png']) {
      t.match(await api.call('GET', path.replace('CODE', 'aeiou')), { status: 400 });
      t.match(await api.call('GET', path.replace('CODE', NO_CODE)), {
        status: 404,
        body: { code: 'share_link_not_found' },
      });
    }
  });

  await t.test('getShareLink 410: the petition was taken down', async (t) => {
    const body = { to: 'taken_down', reason: 'legal' };
    await api.call('POST', '/v1/petitions/meadows/transitions', { key: lead.secret, body });
    const answer = await read(api, code);
    t.match(answer, { status: 410, body: { reason: 'legal' } });
    t.notMatch(answer.text, 'I signed');
  });
});
