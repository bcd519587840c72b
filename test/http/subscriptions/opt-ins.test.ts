import { onEveryEngine, makePartner, publish, start } from '../../support/helper.js';
import { collectLetter, collectMail, tokenOf } from '../../support/mailbox.js';

onEveryEngine('opt-ins at signing', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const partner = await api.organization('Anglers');
  const stranger = await api.organization('Strangers');
  const petition = await publish(api, lead.secret, { slug: 'meadows' });
  await publish(api, lead.secret, { slug: 'direct', confirmation: 'none' });
  for (const slug of ['meadows', 'direct']) await makePartner(api, lead.secret, slug, partner);
  const makeText = async (key: string, text: string): Promise<string> =>
    (await api.call('POST', '/v1/consent-texts', { key, body: { locale: 'en', text } })).body.id;
  const theirs = await makeText(lead.secret, 'Yes, River Meadows may mail me.');
  const anglers = await makeText(partner.secret, 'Yes, the Anglers may mail me.');
  const foreign = await makeText(stranger.secret, 'Yes, strangers may mail me.');

  type Answers = Record<string, boolean>;
  const sign = (ref: string, email: string, answers: Answers, more = {}, key?: string) => {
    const opt_ins = Object.entries(answers).map(([consent_text_id, opt_in]) => ({ consent_text_id, opt_in }));
    const body = { email, name: 'Ada Okonkwo', opt_ins, ...more };
    return api.call('POST', `/v1/petitions/${ref}/signatures`, { key, body });
  };
  const confirm = async (email: string) => {
    const token = tokenOf(await collectLetter(api, email));
    return api.call('POST', '/v1/confirmations', { body: { token } });
  };
  const find = async (key: string, email: string) =>
    (await api.call('GET', `/v1/subscriptions?email=${email}`, { key })).body.data[0];
  const recordsOf = async (key: string, email: string) => {
    const { id } = await find(key, email);
    return (await api.call('GET', `/v1/subscriptions/${id}`, { key })).body.consents;
  };
  const consentsOf = async (email: string) => {
    const { consents, supporters } = api.store.tables;
    const { db } = api.store.read;
    const person = (await db.select().from(supporters)).find(({ identity }) => identity === email);
    const rows = await db.select().from(consents).orderBy(consents.key);
    return rows
      .filter(({ supporterKey }) => supporterKey === person?.key)
      .map(({ action, origin }) => `${action} ${origin}`);
  };

  await t.test(
    '202: what was agreed to becomes a subscription when the mailbox has confirmed it',
    async (t) => {
      const email = 'ada@example.org';
      const answer = await sign('meadows', email, { [theirs]: true, [anglers]: true }, { source: 'top' });
      t.equal(answer.status, 202);
      t.notMatch(answer.text.replace(answer.body.receipt, ''), /sub_|txt_|org_|subscri|opt/);
      for (const { secret } of [lead, partner]) t.match(await find(secret, email), { status: 'pending' });
      const token = tokenOf(await collectLetter(api, email));
      await api.call('POST', '/v1/confirmations', { body: { token } });
      for (const { secret } of [lead, partner]) {
        t.match(await find(secret, email), { status: 'active', source: 'top' });
        t.match(await recordsOf(secret, email), [
          {
            action: 'granted',
            origin: 'signature',
            petition_id: petition.id,
            source: 'top',
            proof_valid: true,
          },
          { action: 'requested', origin: 'signature', petition_id: petition.id, proof_valid: true },
        ]);
      }
      t.match((await recordsOf(partner.secret, email))[0].consent_text, { id: anglers, version: 1 });
      t.equal(await find(stranger.secret, email), undefined);
    },
  );

  await t.test('202: the mail shows the words that were agreed to, and no others', async (t) => {
    await sign('meadows', 'words@example.org', { [theirs]: true, [anglers]: false });
    const { values } = await collectLetter(api, 'words@example.org');
    t.same(values.opt_ins, [{ organization: 'River Meadows', text: 'Yes, River Meadows may mail me.' }]);
  });

  await t.test('202: a no is recorded and subscribes nobody; who was not asked has no record', async (t) => {
    const email = 'no@example.org';
    await sign('meadows', email, { [theirs]: false });
    await confirm(email);
    t.equal(await find(lead.secret, email), undefined);
    t.same(await consentsOf(email), ['declined signature']);
    await sign('meadows', 'mute@example.org', {});
    await confirm('mute@example.org');
    t.same(await consentsOf('mute@example.org'), []);
  });

  await t.test('202: a no does not end what somebody has agreed to before', async (t) => {
    await sign('meadows', 'ada@example.org', { [theirs]: false });
    t.match(await find(lead.secret, 'ada@example.org'), { status: 'active' });
    await collectMail(api);
  });

  await t.test('202: a repeat may opt in, to be confirmed like the first', async (t) => {
    const email = 'mute@example.org';
    await sign('meadows', email, { [theirs]: true });
    t.match(await find(lead.secret, email), { status: 'pending' });
    t.equal((await confirm(email)).status, 200);
    t.match(await find(lead.secret, email), { status: 'active' });
  });

  await t.test('202: signing never brings back who has left, unless the mailbox says so', async (t) => {
    const email = 'mute@example.org';
    const { id } = await find(lead.secret, email);
    await api.call('POST', `/v1/subscriptions/${id}/end`, { key: lead.secret, body: { reason: 'asked' } });
    await sign('direct', email, { [theirs]: true });
    t.match(await find(lead.secret, email), { status: 'unsubscribed' });
    t.equal((await confirm(email)).status, 200);
    t.match(await find(lead.secret, email), { status: 'active' });
  });

  await t.test('202: where signatures count at once, an opt-in still waits for the mailbox', async (t) => {
    const email = 'direct@example.org';
    t.match(await sign('direct', email, { [theirs]: true }), { status: 202, body: { next: 'done' } });
    t.match(await find(lead.secret, email), { status: 'pending' });
    await confirm(email);
    t.match(await find(lead.secret, email), { status: 'active' });
  });

  await t.test('201: who vouches for the mailbox vouches for its answers', async (t) => {
    const email = 'vouched@example.org';
    const answer = await sign('meadows', email, { [theirs]: true }, { vouched: true }, lead.secret);
    t.equal(answer.status, 201);
    t.match(await find(lead.secret, email), { status: 'active' });
    t.match(await recordsOf(lead.secret, email), [{ action: 'granted', origin: 'api' }]);
    t.same(await collectMail(api), []);
  });

  await t.test(
    '202: an organization without double opt-in is subscribed to at once, others are not',
    async (t) => {
      await api.call('PATCH', '/v1/organization', {
        key: lead.secret,
        body: { double_opt_in: false },
        headers: { 'if-match': '*' },
      });
      const email = 'single@example.org';
      const answer = await sign('meadows', email, { [theirs]: true, [anglers]: true });
      t.match(answer, { status: 202, body: { next: 'confirm_email' } });
      t.match(await find(lead.secret, email), { status: 'active' });
      t.match(await find(partner.secret, email), { status: 'pending' });
      const signature = await api.call('GET', `/v1/signatures?petition=meadows&email=${email}`, {
        key: lead.secret,
      });
      t.match(signature.body.data, [{ status: 'pending' }], 'it says nothing of the signature');
    },
  );

  await t.test('422: the words of a stranger, unknown words, two answers to one organization', async (t) => {
    const second = await makeText(lead.secret, 'Other words.');
    const none = `txt_${'0'.repeat(26)}`;
    const email = 'wrong@example.org';
    for (const [answers, code] of [
      [{ [foreign]: true }, 'unknown'],
      [{ [none]: true }, 'unknown'],
      [{ [theirs]: true, [second]: false }, 'repeated'],
    ] as const) {
      const answer = await sign('meadows', email, answers);
      const pointer = `/opt_ins/${Object.keys(answers).length - 1}/consent_text_id`;
      t.match(answer, { status: 422, body: { code: 'invalid_body', errors: [{ pointer, code }] } });
    }
    t.match(await sign('meadows', email, { [theirs]: 'yes' as never }), { status: 422 });
    const signatures = await api.call('GET', `/v1/signatures?petition=meadows&email=${email}`, {
      key: lead.secret,
    });
    t.same(signatures.body.data, [], 'nothing of it is stored');
    t.equal(await find(stranger.secret, email), undefined);
  });

  await t.test('nothing about subscriptions is public', async (t) => {
    for (const path of [
      '/v1/petitions/meadows',
      '/v1/petitions/meadows/signatures',
      '/v1/petitions/meadows/consent-texts',
    ]) {
      const { status, text } = await api.call('GET', path);
      t.equal(status, 200);
      t.notMatch(text, /@|sub_|sup_|con_|crm/);
    }
  });
});
