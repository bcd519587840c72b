import { eq } from 'drizzle-orm';
import { randomUUID } from 'node:crypto';
import { pause, resume } from '../../../src/core/brakes/pauses.js';
import { startMailing } from '../../../src/core/mailings/starting.js';
import { authenticate } from '../../../src/core/organization/api-keys.js';
import { startDue } from '../../../src/core/mailings/schedule.js';
import { endMailings } from '../../../src/core/sending/ending.js';
import { compile } from '../../support/mailing-rows.js';
import type { Store } from '../../../src/store/store.js';
import { onEveryEngine, publish, start, type TestApp } from '../../support/helper.js';
import {
  addRecipients,
  CONTENT,
  draft,
  moveRecipients,
  setMailing,
  subscribers,
  sumsOf,
} from '../../support/mailing-rows.js';

const post = (
  api: TestApp,
  key: string | undefined,
  id: string,
  move: string,
  body?: unknown,
  headers = {},
) => api.call('POST', `/v1/mailings/${id}/${move}`, { key, body, headers });
const begin = (
  api: TestApp,
  key: string | undefined,
  id: string,
  headers: Record<string, string> = { 'idempotency-key': randomUUID() },
) => post(api, key, id, 'start', undefined, headers);

const rowOf = async (api: TestApp, key: number) => {
  const { mailings: t } = api.store.tables;
  const [row] = await api.store.read.db.select().from(t).where(eq(t.key, key));
  if (!row) throw new Error('it is not there');
  return row;
};

const petitionKey = async (api: TestApp, id: string): Promise<number> => {
  const { petitions: t } = api.store.tables;
  const [row] = await api.store.read.db.select({ key: t.key }).from(t).where(eq(t.publicId, id));
  return row?.key ?? 0;
};

onEveryEngine('startMailing', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const other = await api.organization('Others');
  const lonely = await api.organization('Lonely');
  await subscribers(api, lead.secret, ['ada@example.org']);

  await t.test('200: what it says is fixed, and a repeated request starts it once', async (t) => {
    const mailing = await draft(api, lead, { variants: [{}, { texts: { en: { subject: 'Other' } } }] });
    const headers = { 'idempotency-key': 'start-1' };
    const answer = await begin(api, lead.secret, mailing.id, headers);
    t.match(answer, {
      status: 200,
      headers: { 'cache-control': 'private, no-store' },
      body: { id: mailing.id, state: 'building', pause_reason: null, finished_at: null },
    });
    t.ok(answer.body.started_at);
    t.same((await begin(api, lead.secret, mailing.id, headers)).body, answer.body, 'the first answer');
    await setMailing(api, mailing.key, { state: 'done' });
    t.same((await begin(api, lead.secret, mailing.id, headers)).body, answer.body, 'later, too');
    const { mailingVariants: v } = api.store.tables;
    const frozen = await api.store.read.db
      .select()
      .from(v)
      .where(eq(v.mailingKey, mailing.key))
      .orderBy(v.position);
    t.same(
      frozen.map((one) => one.frozen?.locales['en']?.subject),
      ['The meadows', 'Other'],
    );
  });

  await t.test('200: share lines of a mailing have links of its own, which are counted', async (t) => {
    const petition = await publish(api, lead.secret, {
      slug: 'shared',
      share_texts: [{ network: 'whatsapp', text: 'Sign & share' }],
    });
    const { petitions: p, mailingLinks: l } = api.store.tables;
    const [row] = await api.store.read.db.select().from(p).where(eq(p.publicId, petition.id));
    const texts = { en: { subject: 'S', preview: 'P', markdown: 'Hello\n\n[[share]]' } };
    const mailing = await draft(api, lead, { content: { ...CONTENT, texts }, petitionKey: row!.key });
    const preview = await api.call('POST', `/v1/mailings/${mailing.id}/preview`, {
      key: lead.secret,
      body: {},
    });
    t.match(preview.body.html, /sharer\.php\?u=http%3A%2F%2Fundersigned\.test%2Fp%2Fshared"/);
    const list = (query = '') =>
      api.call('GET', `/v1/share-links?petition=shared${query}`, { key: lead.secret });
    t.same((await list()).body.data, [], 'a preview makes none');
    t.equal((await begin(api, lead.secret, mailing.id)).status, 200);
    const { data } = (await list(`&source=${mailing.id}`)).body;
    t.same(data.map(({ network }: any) => network).sort(), ['bluesky', 'facebook', 'whatsapp', 'x']);
    t.match(
      data.find(({ network }: any) => network === 'whatsapp'),
      { source: mailing.id, credited: false, text: 'Sign & share', clicks: 0, conversions: 0 },
    );
    t.match(data, [{ organization_id: lead.id }]);
    t.same((await list('&source=mlg_other')).body.data, []);
    const links = await api.store.read.db.select().from(l).where(eq(l.mailingKey, mailing.key));
    for (const { url, network } of data) {
      t.ok(
        links.some((link) => link.url?.includes(encodeURIComponent(url))),
        `the line for ${network} shares its link`,
      );
    }
    const [{ code }] = data;
    const followed = await api.call('GET', `/s/${code}`, {});
    t.match(followed.headers.location, new RegExp(`source=${mailing.id}&share=${code}`));
    const signed = await api.call('POST', '/v1/petitions/shared/signatures', {
      key: lead.secret,
      body: { name: 'Ada', email: 'shared@example.org', share_code: code, vouched: true },
    });
    t.equal(signed.status, 201);
    t.match((await list(`&source=${mailing.id}`)).body.data, [{ code, conversions: 1 }]);
    const plain = await draft(api, lead, { petitionKey: row!.key });
    t.equal((await begin(api, lead.secret, plain.id)).status, 200);
    t.same((await list(`&source=${plain.id}`)).body.data, [], 'without share lines there are none');
  });

  await t.test('400: without an Idempotency-Key, by name; with a query; with a wrong id', async (t) => {
    const { id, key } = await draft(api, lead);
    t.match(await begin(api, lead.secret, id, {}), {
      status: 400,
      body: { code: 'invalid_header', errors: [{ pointer: '/idempotency-key', code: 'required' }] },
    });
    t.match(await begin(api, lead.secret, id, { 'idempotency-key': 'ü' }), { status: 400 });
    t.match(await begin(api, lead.secret, 'mlg_1'), { status: 400 });
    t.equal((await rowOf(api, key)).state, 'draft');
  });

  await t.test('401, 403, 404: only the organization itself, with the scope', async (t) => {
    const { id, key } = await draft(api, lead);
    t.match(await begin(api, undefined, id), { status: 401 });
    const weak = await api.newKey(lead.key, 'secret', ['mailings:write', 'subscriptions:read']);
    for (const move of ['start', 'schedule', 'unschedule', 'pause', 'resume', 'cancel']) {
      const body = move === 'schedule' ? { send_at: '2099-01-01T09:00Z' } : undefined;
      const headers = { 'idempotency-key': randomUUID() };
      t.match(
        await post(api, weak, id, move, body, headers),
        { status: 403, body: { code: 'scope_required' } },
        move,
      );
      t.match(
        await post(api, other.secret, id, move, body, headers),
        { status: 404, body: { code: 'mailing_not_found' } },
        move,
      );
    }
    t.equal((await rowOf(api, key)).state, 'draft');
  });

  await t.test('409 mailing_not_ready: all that is missing is listed', async (t) => {
    const missing = async (id: string, secret = lead.secret) => {
      const answer = await begin(api, secret, id);
      t.match(answer, { status: 409, body: { code: 'mailing_not_ready' } });
      return (answer.body.errors ?? []).map(({ pointer, code }: any) => `${pointer} ${code}`);
    };
    const says = async (id: string, detail: RegExp) =>
      t.match(await begin(api, lead.secret, id), {
        status: 409,
        body: { code: 'mailing_not_ready', detail },
      });
    const empty = await draft(api, lead, { content: null });
    await says(empty.id, /no content/);
    t.same(await missing((await draft(api, lonely)).id, lonely.secret), ['/segment empty']);
    const texts = { en: { subject: ' ', markdown: 'Hello' }, de: { subject: 'Hallo', html: '' } };
    const partly = await draft(api, lead, { content: { ...CONTENT, texts } });
    await says(partly.id, /\(en, subject\)/);
    await says(partly.id, /\(de, /);
    const variants = [{ texts: { en: { subject: 'A' } } }, { texts: { fr: { subject: 'F' } } }];
    const varied = await draft(api, lead, {
      content: { ...CONTENT, texts: { en: { subject: '', markdown: 'Hello' } } },
      variants,
    });
    await says(varied.id, /variant B, en, subject/);
    await says(varied.id, /variant B, fr/);

    const made = await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'T', statement: 'S', slug: 'late' },
    });
    const about = await draft(api, lead, { petitionKey: await petitionKey(api, made.body.id) });
    t.same(await missing(about.id), ['/petition not_open']);
    const move = (to: string) =>
      api.call('POST', '/v1/petitions/late/transitions', { key: lead.secret, body: { to } });
    await move('published');
    await pause(api.store, { what: 'signing', message: null, retryAfter: 60 });
    t.same(await missing(about.id), [' paused']);
    await resume(api.store);
    await move('closed');
    t.same(await missing(about.id), ['/petition not_open']);

    const theirs = await publish(api, other.secret, { slug: 'theirs' });
    const lost = await draft(api, lead);
    for (const clause of [
      { not: { signed: { petition: theirs.id } } },
      { not: { mailed: { mailing: `mlg_${'0'.repeat(26)}` } } },
    ]) {
      await setMailing(api, lost.key, { clause });
      const [kind = ''] = Object.keys(clause.not);
      const place = `/segment/not/${kind}/${kind === 'signed' ? 'petition' : 'mailing'}`;
      t.same(await missing(lost.id), [`${place} unknown`], 'else it would go to everybody');
    }
    for (const { key } of [empty, partly, varied, about, lost]) {
      t.equal((await rowOf(api, key)).state, 'draft');
    }
  });

  await t.test('409 mailing_transition_not_allowed: in words, with what is possible', async (t) => {
    const { id, key } = await draft(api, lead);
    await setMailing(api, key, { state: 'running' });
    t.match(await begin(api, lead.secret, id), {
      status: 409,
      body: {
        code: 'mailing_transition_not_allowed',
        detail: 'It is being sent, so it cannot start. It can: pause, cancel.',
        allowed: ['pause', 'cancel'],
      },
    });
    await setMailing(api, key, { state: 'done' });
    t.match(await begin(api, lead.secret, id), {
      status: 409,
      body: { detail: 'It is done, and stays so.', allowed: [] },
    });
  });

  await t.test('a mailing that is edited meanwhile is sent as edited, not as it was', async (t) => {
    const { id, key } = await draft(api, lead);
    const { ctx, store } = { ctx: api.app.ctx, store: api.store };
    const content = { ...CONTENT, texts: { en: { subject: 'Edited', markdown: 'x' } } };
    const said: string[] = [];
    const transact: Store['transact'] = async (work, options) => {
      // Between compiling and the transaction of the start.
      if (said.length === 1) await setMailing(api, key, { version: 2, content });
      return store.transact(work, options);
    };
    const busy = { ...ctx, store: { ...store, read: store.read, tables: store.tables, transact } };
    const actor = await authenticate(ctx, lead.secret);
    await startMailing(busy, actor, id, (source) => {
      said.push(source.content.texts['en']?.subject ?? '');
      return compile(source);
    });
    t.same(said, ['The meadows', 'Edited']);
    const { mailingVariants: v } = api.store.tables;
    const [variant] = await api.store.read.db.select().from(v).where(eq(v.mailingKey, key));
    t.equal(variant?.frozen?.locales['en']?.subject, 'Edited');
  });
});

onEveryEngine('scheduleMailing and what becomes of it', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  await subscribers(api, lead.secret, ['ada@example.org']);
  const at = (instant: string) => api.setClock(new Date(instant));
  at('2026-11-30T12:00:00Z');
  const due = () => startDue(api.app.ctx, compile);

  await t.test('200: at a local time, moved, taken back', async (t) => {
    const { id } = await draft(api, lead);
    t.match(
      await post(api, lead.secret, id, 'schedule', {
        send_at: '2026-12-01 9:00',
        time_zone: 'europe/berlin',
        expires_at: '2026-12-02T20:00',
      }),
      {
        status: 200,
        body: {
          state: 'scheduled',
          send_at: '2026-12-01T08:00:00.000Z',
          time_zone: 'Europe/Berlin',
          expires_at: '2026-12-02T19:00:00.000Z',
        },
      },
    );
    const moved = await post(api, lead.secret, id, 'schedule', {
      send_at: '2026-12-01T10:00:00+01:00',
      expires_at: null,
    });
    t.match(moved, {
      status: 200,
      body: { send_at: '2026-12-01T09:00:00.000Z', time_zone: null, expires_at: null },
    });
    t.match(await post(api, lead.secret, id, 'unschedule'), {
      status: 200,
      body: { state: 'draft', send_at: null },
    });
    t.match(await post(api, lead.secret, id, 'unschedule'), {
      status: 409,
      body: { code: 'mailing_transition_not_allowed', allowed: ['start', 'schedule'] },
    });
  });

  await t.test('422: past, too far, expired before, clocks that change, unknown members', async (t) => {
    const { id, key } = await draft(api, lead);
    const wrong: [body: object, pointer: string, code: string, says?: RegExp][] = [
      [
        { send_at: '2026-11-30T12:00', time_zone: 'Europe/Berlin' },
        '/send_at',
        'past',
        /in Europe\/Berlin it is 2026-11-30T13:00\+01:00 now/,
      ],
      [{ send_at: '2206-12-01T09:00Z' }, '/send_at', 'too_far'],
      [{ send_at: '2026-12-01T09:00Z', expires_at: '2026-12-01T08:00Z' }, '/expires_at', 'too_early'],
      [{ send_at: '2026-12-01T09:00' }, '/time_zone', 'required'],
      [{ send_at: '2026-12-01T09:00', time_zone: 'Berlin' }, '/time_zone', 'time_zone', /Europe\/Berlin/],
      [
        { send_at: '2027-03-28T02:30', time_zone: 'Europe/Berlin' },
        '/send_at',
        'skipped',
        /01:59\+01:00 and .*03:00\+02:00/,
      ],
      [
        { send_at: '2027-10-31T02:30', time_zone: 'Europe/Berlin' },
        '/send_at',
        'ambiguous',
        /02:30\+02:00 .*02:30\+01:00/,
      ],
      [{ send_at: '2026-12-01T09:00Z', zone: 'UTC' }, '/zone', 'unknown'],
      [{ time_zone: 'UTC' }, '/send_at', 'required'],
    ];
    for (const [body, pointer, code, says = /./] of wrong) {
      const answer = await post(api, lead.secret, id, 'schedule', body);
      t.match(
        answer,
        { status: 422, body: { code: 'invalid_body', errors: [{ pointer, detail: says }] } },
        JSON.stringify(body),
      );
      if (code !== 'unknown') t.equal(answer.body.errors[0].code, code);
    }
    t.match(await post(api, lead.secret, id, 'schedule', '{'), { status: 400 });
    t.match(await post(api, undefined, id, 'schedule', { send_at: '2026-12-01T09:00Z' }), { status: 401 });
    t.equal((await rowOf(api, key)).state, 'draft');
  });

  await t.test('409: nothing to send; a petition that will be over', async (t) => {
    const { id } = await draft(api, lead, { content: null });
    const send_at = '2026-12-01T09:00Z';
    t.match(await post(api, lead.secret, id, 'schedule', { send_at }), {
      status: 409,
      body: { code: 'mailing_not_ready' },
    });
    const petition = await publish(api, lead.secret, { slug: 'brief', closes_at: '2026-12-01T08:00:00Z' });
    const about = await draft(api, lead, { petitionKey: await petitionKey(api, petition.id) });
    t.match(await post(api, lead.secret, about.id, 'schedule', { send_at }), {
      status: 409,
      body: { errors: [{ pointer: '/petition', code: 'not_open' }] },
    });
    t.equal(
      (await post(api, lead.secret, about.id, 'schedule', { send_at: '2026-12-01T07:00Z' })).status,
      200,
    );
    await post(api, lead.secret, about.id, 'cancel');
  });

  await t.test('it begins when it is due, once, whatever the number of processes', async (t) => {
    const mailing = await draft(api, lead);
    await post(api, lead.secret, mailing.id, 'schedule', { send_at: '2026-12-01T09:00Z' });
    at('2026-12-01T08:59:59.999Z');
    t.same(await due(), []);
    at('2026-12-01T09:00:00Z');
    const all = (await Promise.all([due(), due(), due()])).flat();
    t.same(all, [{ mailingId: mailing.id, outcome: 'started' }]);
    t.match(await rowOf(api, mailing.key), {
      state: 'building',
      startedAt: new Date('2026-12-01T09:00:00Z'),
    });
    t.same(await due(), []);
  });

  await t.test(
    'missed: the server was down for more than an hour, or it has expired; then it is a draft again, or started',
    async (t) => {
      const late = await draft(api, lead);
      const expired = await draft(api, lead);
      const intime = await draft(api, lead);
      await post(api, lead.secret, late.id, 'schedule', { send_at: '2026-12-01T10:00Z' });
      await post(api, lead.secret, expired.id, 'schedule', {
        send_at: '2026-12-01T10:30Z',
        expires_at: '2026-12-01T10:45Z',
      });
      await post(api, lead.secret, intime.id, 'schedule', { send_at: '2026-12-01T10:01Z' });
      at('2026-12-01T11:00:01Z');
      t.same(await due(), [
        { mailingId: late.id, outcome: 'missed' },
        { mailingId: intime.id, outcome: 'started' },
        { mailingId: expired.id, outcome: 'missed' },
      ]);
      t.match(await rowOf(api, late.key), { state: 'missed', startedAt: null, pauseReason: null });
      t.match(await post(api, lead.secret, late.id, 'pause'), {
        status: 409,
        body: { allowed: ['start', 'schedule', 'unschedule', 'cancel'] },
      });
      t.match(await post(api, lead.secret, late.id, 'unschedule'), { body: { state: 'draft' } });
      t.match(await begin(api, lead.secret, expired.id), {
        status: 409,
        body: { code: 'mailing_not_ready', errors: [{ pointer: '/expires_at' }] },
      });
    },
  );

  await t.test(
    'what is not ready when it is due is tried again for an hour; what cannot be sent is missed with the reason',
    async (t) => {
      at('2026-12-02T08:00:00Z');
      const petition = await publish(api, lead.secret, { slug: 'soon', opens_at: '2026-12-02T09:00:10Z' });
      const about = await draft(api, lead, { petitionKey: await petitionKey(api, petition.id) });
      await post(api, lead.secret, about.id, 'schedule', { send_at: '2026-12-02T09:00Z' });
      at('2026-12-02T09:00:00Z');
      t.same(await due(), [{ mailingId: about.id, outcome: 'waiting' }]);
      at('2026-12-02T09:00:10Z');
      t.same(await due(), [{ mailingId: about.id, outcome: 'started' }]);
      const broken = await draft(api, lead);
      await post(api, lead.secret, broken.id, 'schedule', { send_at: '2026-12-02T09:01Z' });
      at('2026-12-02T09:01:00Z');
      const fails = () => {
        throw new Error('unknown filter');
      };
      t.same(await startDue(api.app.ctx, fails), [{ mailingId: broken.id, outcome: 'missed' }]);
      t.match(await api.call('GET', `/v1/mailings/${broken.id}`, { key: lead.secret }), {
        body: { state: 'missed', pause_reason: 'content_unusable' },
      });
    },
  );
});

onEveryEngine('pauseMailing, resumeMailing, cancelMailing, and the end', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const emails = ['ada', 'bo', 'cy', 'di', 'ed'].map((name) => `${name}@example.org`);
  const people = await subscribers(api, lead.secret, emails);
  const running = async (set = {}) => {
    const mailing = await draft(api, lead);
    await begin(api, lead.secret, mailing.id);
    await api.store.transact((tx) => addRecipients(tx, mailing, people));
    await setMailing(api, mailing.key, { state: 'running', ...set });
    return mailing;
  };
  const endAll = async () => {
    while (await endMailings(api.app.ctx));
    await endMailings(api.app.ctx);
  };

  await t.test('200: paused from where it was, and back to there', async (t) => {
    for (const state of ['building', 'running', 'deciding'] as const) {
      const { id } = await running({ state });
      t.match(await post(api, lead.secret, id, 'pause'), {
        status: 200,
        body: { state: 'paused', pause_reason: 'organiser' },
      });
      t.match(await post(api, lead.secret, id, 'pause'), {
        status: 409,
        body: { code: 'mailing_transition_not_allowed', allowed: ['resume', 'cancel'] },
      });
      t.match(await post(api, lead.secret, id, 'resume'), {
        status: 200,
        body: { state, pause_reason: null },
      });
      t.match(await post(api, lead.secret, id, 'resume'), { status: 409 });
      await post(api, lead.secret, id, 'cancel');
    }
  });

  await t.test('200: a repeated pause with the same Idempotency-Key is no error', async (t) => {
    const { id } = await running();
    const headers = { 'idempotency-key': 'p-1' };
    const first = await post(api, lead.secret, id, 'pause', undefined, headers);
    t.same((await post(api, lead.secret, id, 'pause', undefined, headers)).body, first.body);
    t.match(await post(api, lead.secret, id, 'pause', undefined, { 'idempotency-key': 'ü' }), {
      status: 400,
    });
    await post(api, lead.secret, id, 'cancel');
  });

  await t.test('200: a cancelled mailing skips who is left, and says when all is still', async (t) => {
    const mailing = await running();
    await api.store.transact(async (tx) => {
      await moveRecipients(tx, mailing, 'queued', 'sent', 1);
      await moveRecipients(tx, mailing, 'queued', 'deferred', 1);
      await moveRecipients(tx, mailing, 'queued', 'sending', 1, { dueAt: new Date(Date.now() + 60_000) });
      await moveRecipients(tx, mailing, 'queued', 'claimed', 1, { dueAt: new Date(Date.now() - 1000) });
    });
    t.match(await post(api, lead.secret, mailing.id, 'cancel'), {
      status: 200,
      body: { state: 'cancelled', finished_at: null },
    });
    await endAll();
    const sums = await sumsOf(api, mailing.key);
    t.same(sums.tallies, { sent: 1, skipped: 3, sending: 1 });
    t.same(sums.tallies, sums.rows);
    t.equal((await rowOf(api, mailing.key)).finishedAt, null, 'one is under way');
    await api.store.transact((tx) => moveRecipients(tx, mailing, 'sending', 'sent', 1));
    await endAll();
    t.ok((await rowOf(api, mailing.key)).finishedAt);
    t.match(await post(api, lead.secret, mailing.id, 'resume'), {
      status: 409,
      body: { detail: 'It was cancelled, and stays so.' },
    });
    const skipped = await api.call('GET', `/v1/mailings/${mailing.id}/recipients?state=skipped`, {
      key: lead.secret,
    });
    t.same(
      skipped.body.data.map(({ reason }: any) => reason),
      ['cancelled', 'cancelled', 'cancelled'],
    );
  });

  await t.test(
    'a mailing that expires while it runs skips the rest and is done; one that was paused cannot go on',
    async (t) => {
      api.setClock(new Date('2026-12-01T09:00:00Z'));
      const expiresAt = new Date('2026-12-01T10:00:00Z');
      const mailing = await running({ expiresAt });
      const still = await running({ expiresAt });
      await post(api, lead.secret, still.id, 'pause');
      await api.store.transact((tx) => moveRecipients(tx, mailing, 'queued', 'sent', 2));
      await endAll();
      t.equal((await rowOf(api, mailing.key)).state, 'running');
      api.setClock(expiresAt);
      await endAll();
      t.match(await rowOf(api, mailing.key), { state: 'done', finishedAt: expiresAt });
      t.same((await sumsOf(api, mailing.key)).rows, { sent: 2, skipped: 3 });
      const left = await api.call('GET', `/v1/mailings/${mailing.id}/recipients?state=skipped`, {
        key: lead.secret,
      });
      t.match(left.body.data, [{ reason: 'expired' }, { reason: 'expired' }, { reason: 'expired' }]);
      t.match(await post(api, lead.secret, still.id, 'resume'), {
        status: 409,
        body: { detail: /expired/, allowed: ['cancel'] },
      });
      t.match(await post(api, lead.secret, still.id, 'cancel'), { status: 200 });
    },
  );
});
