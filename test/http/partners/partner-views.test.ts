import { eq } from 'drizzle-orm';
import type { Test } from 'tap';
import {
  onEveryEngine,
  makePartner,
  publish,
  start,
  type Answer,
  type TestApp,
} from '../../support/helper.js';
import { collectMail, tokenOf } from '../../support/mailbox.js';

type Organization = Awaited<ReturnType<TestApp['organization']>>;

const TERMS = ['full', 'names', 'counts'] as const;

onEveryEngine('what the lead and the partners see of signatures', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('Lead');
  const stranger = await api.organization('Strangers');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none' });
  const partners: Record<string, Organization & { text: string; site: string; partnership: string }> = {};
  for (const terms of TERMS) {
    const one = await api.organization(`Partner ${terms}`);
    const { id: partnership } = await makePartner(api, lead.secret, 'meadows', one, terms);
    const body = { locale: 'en', text: 'Yes, mail me.' };
    const text = await api.call('POST', '/v1/consent-texts', { key: one.secret, body });
    const site = await api.newKey(one.key, 'publishable');
    partners[terms] = { ...one, text: text.body.id, site, partnership };
  }
  const of = (terms: string) => partners[terms] as NonNullable<(typeof partners)[string]>;

  /** Everything that a signature can hold, each with the signer's mark. */
  const words = (who: string) => ({
    email: `${who}@example.org`,
    name: `Name-${who}`,
    given_name: `Given-${who}`,
    family_name: `Family-${who}`,
    country: 'NL',
    postal_code: `P${who}`.slice(0, 16),
    postal_address: { lines: [`Street-${who}`], city: `City-${who}` },
    phone: '+31 20 555 0199',
    comment: `Comment-${who}`,
    display: 'public',
    source: 'site',
    utm: { campaign: `utm-${who}` },
    external_id: `crm-${who}`,
  });
  const sign = (key: string, body: unknown) =>
    api.call('POST', '/v1/petitions/meadows/signatures', { key, body });
  for (const terms of TERMS) {
    const { secret, text } = of(terms);
    const optIns = { opt_ins: [{ consent_text_id: text, opt_in: true }] };
    await sign(secret, { ...words(`yes-${terms}`), ...optIns, vouched: true });
    await sign(secret, { ...words(`mute-${terms}`), vouched: true });
  }
  await sign(lead.secret, { ...words('leads'), vouched: true });

  const list = (key: string | undefined, query = '', headers = {}) =>
    api.call('GET', `/v1/signatures?petition=meadows${query}`, { key, headers });
  const idOf = async (name: string): Promise<string> => {
    const { signatures: s } = api.store.tables;
    const [row] = await api.store.read.db.select().from(s).where(eq(s.name, name));
    return row?.publicId ?? '';
  };
  const get = async (key: string, name: string) =>
    api.call('GET', `/v1/signatures/${await idOf(name)}`, { key });

  await t.test('the lead: as agreed with each partner, in lists and one by one', async (t) => {
    const { status, body } = await list(lead.secret, '&limit=100');
    t.equal(status, 200);
    t.equal(body.data.length, 7, 'every signature, whatever is seen of it');
    const ofTerms = (terms: string) => body.data.filter((row: any) => row.collector_id === of(terms).id);
    const dates = { created_at: /Z$/, confirmed_at: /Z$/, withdrawn_at: null, source: 'site' };
    const rest = words('yes-names');
    const { given_name, family_name } = rest;
    const names = {
      name: rest.name,
      given_name,
      family_name,
      country: 'NL',
      postal_code: rest.postal_code,
      comment: rest.comment,
    };
    const nothing = {
      email: null,
      supporter_id: null,
      phone: null,
      phone_e164: null,
      postal_address: null,
      external_id: null,
    };
    t.match(ofTerms('full')[1], { ...words('yes-full'), ...dates, shown: 'full', supporter_id: /^sup_/ });
    t.match(ofTerms('names')[1], { ...names, ...dates, ...nothing, display: 'public', shown: 'names' });
    t.match(ofTerms('counts')[1], {
      ...dates,
      ...nothing,
      name: null,
      given_name: null,
      family_name: null,
      country: null,
      postal_code: null,
      comment: null,
      utm: null,
      mailing_id: null,
      display: 'anonymous',
      shown: 'counts',
      status: 'confirmed',
    });
    t.notMatch(JSON.stringify(ofTerms('names')), /@|Street|City|crm-|\+31|sup_/);
    t.notMatch(
      JSON.stringify(ofTerms('counts')),
      /@|Street|City|crm-|\+31|sup_|Name|Given|Family|Comment|utm-|NL/,
    );
    for (const row of body.data) {
      const one = await api.call('GET', `/v1/signatures/${row.id}`, { key: lead.secret });
      t.same(one.body, row, 'the same alone');
    }
    t.match(body.data[0], { ...words('leads'), shown: 'full' });
  });

  await t.test('the lead: no filter finds what it does not see', async (t) => {
    for (const filter of ['email', 'external_id']) {
      for (const terms of TERMS) {
        const value = filter === 'email' ? `yes-${terms}@example.org` : `crm-yes-${terms}`;
        const { body } = await list(lead.secret, `&${filter}=${value}`);
        t.equal(body.data.length, terms === 'full' ? 1 : 0, `${filter}, ${terms}`);
      }
      const own = filter === 'email' ? 'leads@example.org' : 'crm-leads';
      t.equal((await list(lead.secret, `&${filter}=${own}`)).body.data.length, 1);
    }
    const { body } = await list(lead.secret, `&collector=${of('counts').id}&source=site&status=confirmed`);
    t.equal(body.data.length, 2, 'how many there are is no secret');
  });

  await t.test('the lead moderates what it does not see, and is told no more by it', async (t) => {
    const id = await idOf('Name-mute-counts');
    for (const verb of ['invalidate', 'restore']) {
      const path = `/v1/signatures/${id}/${verb}`;
      const headers = { 'idempotency-key': verb };
      for (let i = 0; i < 2; i += 1) {
        const answer = await api.call('POST', path, { key: lead.secret, body: { reason: 'x' }, headers });
        t.match(answer, { status: 200, body: { shown: 'counts', name: null, email: null } });
        t.notMatch(answer.text, /mute|@/);
      }
    }
  });

  await t.test('a partner: whom it collected and may mail; all else does not exist', async (t) => {
    for (const terms of TERMS) {
      const { secret, id } = of(terms);
      const { status, body } = await list(secret);
      t.equal(status, 200);
      t.match(body.data, [{ ...words(`yes-${terms}`), collector_id: id, shown: 'full' }]);
      t.equal(body.data.length, 1);
      t.match(await get(secret, `Name-yes-${terms}`), { status: 200, body: body.data[0] });
      for (const other of ['yes', 'mute'].flatMap((kind) => TERMS.map((one) => `${kind}-${one}`))) {
        if (other === `yes-${terms}`) continue;
        const answer = await get(secret, `Name-${other}`);
        t.match(answer, { status: 404, body: { code: 'signature_not_found' } }, `${terms}: ${other}`);
        for (const query of [`&email=${other}@example.org`, `&external_id=crm-${other}`]) {
          t.same((await list(secret, query)).body.data, [], `${terms}: ${query}`);
        }
      }
      const mine = await list(secret, `&email=yes-${terms}@example.org&external_id=crm-yes-${terms}`);
      t.equal(mine.body.data.length, 1);
    }
  });

  await t.test('a partner moderates nothing', async (t) => {
    const id = await idOf('Name-yes-full');
    for (const verb of ['invalidate', 'restore']) {
      const path = `/v1/signatures/${id}/${verb}`;
      const answer = await api.call('POST', path, { key: of('full').secret, body: { reason: 'x' } });
      t.match(answer, { status: 404, body: { code: 'signature_not_found' } });
    }
  });

  await t.test('a partner: pages hold only what it sees, in order', async (t) => {
    const { secret, text } = of('names');
    for (let i = 0; i < 5; i += 1) {
      const optIn = i % 2 === 0;
      const body = { email: `page${i}@example.org`, name: `Page ${i}`, vouched: true };
      await sign(secret, { ...body, opt_ins: [{ consent_text_id: text, opt_in: optIn }] });
    }
    const found: string[] = [];
    let cursor = '';
    do {
      const { body } = await list(secret, `&limit=2&sort=created_at${cursor}`);
      found.push(...body.data.map((row: any) => row.name));
      cursor = body.has_more ? `&cursor=${body.next_cursor}` : '';
    } while (cursor !== '');
    t.same(found, ['Name-yes-names', 'Page 0', 'Page 2', 'Page 4']);
  });

  await t.test(
    'a partner: who leaves its list leaves its view; a publishable key sees nothing',
    async (t) => {
      const { secret, site } = of('names');
      const [subscription] = (
        await api.call('GET', '/v1/subscriptions?email=page0@example.org', { key: secret })
      ).body.data;
      await api.call('POST', `/v1/subscriptions/${subscription.id}/end`, {
        key: secret,
        body: { reason: 'x' },
      });
      const { subscriptions: s } = api.store.tables;
      await api.store.transact((tx) =>
        tx.db
          .update(s)
          .set({ status: 'unsubscribed' })
          .where(eq(s.publicId, subscription.id as string))
          .returning(),
      );
      const { body } = await list(secret, '&limit=100');
      t.notOk(body.data.some((row: any) => row.name === 'Page 0'));
      t.match(await get(secret, 'Page 0'), { status: 404 });
      t.match(await list(site), { status: 401 });
      t.match(await list(await api.newKey(of('names').key, 'secret', [])), { status: 403 });
      t.match(await list(stranger.secret), { status: 404, body: { code: 'petition_not_found' } });
    },
  );

  await t.test('an id that the lead gave, and its mailing, are not the partner’s', async (t) => {
    const { secret, text, id } = of('full');
    const body = { ...words('shared'), external_id: 'lead-crm-9', vouched: true };
    await sign(lead.secret, { ...body, opt_ins: [{ consent_text_id: text, opt_in: true }] });
    const { signatures: s } = api.store.tables;
    await api.store.transact((tx) =>
      // As a share link of the partner would have it.
      tx.db
        .update(s)
        .set({ collectorKey: of('full').key })
        .where(eq(s.name, 'Name-shared'))
        .returning(),
    );
    t.match(await get(secret, 'Name-shared'), { status: 200, body: { external_id: null, collector_id: id } });
    t.same((await list(secret, '&external_id=lead-crm-9')).body.data, []);
    t.match(await get(lead.secret, 'Name-shared'), { body: { external_id: 'lead-crm-9' } });
  });

  await t.test('an end closes the partner’s view; its terms hold for what it collected', async (t) => {
    const { secret, partnership } = of('counts');
    await api.call('POST', `/v1/partnerships/${partnership}/end`, { key: lead.secret, body: {} });
    t.match(await list(secret), { status: 404, body: { code: 'petition_not_found' } });
    t.match(await get(secret, 'Name-yes-counts'), { status: 404 });
    t.match(await get(lead.secret, 'Name-yes-counts'), { body: { shown: 'counts', name: null } });
    // An offer of other terms, refused or not, opens nothing.
    const body = { organization: of('counts').id, lead_sees: 'full', may_vouch: true };
    const offer = await api.call('POST', '/v1/petitions/meadows/partners', { key: lead.secret, body });
    t.match(await get(lead.secret, 'Name-yes-counts'), { body: { shown: 'counts', name: null } });
    t.match(await list(secret), { status: 404 });
    await api.call('POST', `/v1/partnerships/${offer.body.id}/accept`, {
      key: secret,
      body: { lead_sees: 'full' },
    });
    await sign(secret, { ...words('anew'), vouched: true });
    t.match(await get(lead.secret, 'Name-anew'), { body: { shown: 'full', name: 'Name-anew' } });
    t.match(await get(lead.secret, 'Name-yes-counts'), { body: { shown: 'counts', name: null } });
    for (const [who, found] of [
      ['anew', 1],
      ['yes-counts', 0],
    ] as const) {
      const { data } = (await list(lead.secret, `&email=${who}@example.org`)).body;
      t.equal(data.length, found, 'each under its own terms');
    }
    t.equal((await list(secret)).body.data.length, 1, 'the partner sees again who agreed');
  });
});

onEveryEngine('what is hidden from a key is not told by its answers', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('Lead');
  const partner = await api.organization('Partner');
  const textOf = async (key: string) =>
    (await api.call('POST', '/v1/consent-texts', { key, body: { locale: 'en', text: 'Yes, mail me.' } })).body
      .id;
  const text = await textOf(partner.secret);
  await api.call('PATCH', '/v1/organization', {
    key: partner.secret,
    headers: { 'if-match': '*' },
    body: { double_opt_in: false },
  });
  const site = await api.newKey(partner.key, 'publishable');
  for (const [slug, confirmation] of [
    ['asks', 'email'],
    ['counts', 'none'],
    ['open', 'email'],
  ] as const) {
    await publish(api, lead.secret, { slug, confirmation, page_url: 'https://meadows.example/' });
    if (slug !== 'open') await makePartner(api, lead.secret, slug, partner, 'counts');
  }
  const sign = (slug: string, key: string | undefined, email: string, fields = {}, headers = {}) =>
    api.call('POST', `/v1/petitions/${slug}/signatures`, {
      ...(key === undefined ? {} : { key }),
      headers,
      body: { email: `${email}@example.org`, name: 'Somebody', ...fields },
    });
  const confirmAll = async () => {
    for (const letter of await collectMail(api)) {
      if (letter.template !== 'confirm_signature') continue;
      await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
    }
  };
  const yes = { opt_ins: [{ consent_text_id: text, opt_in: true }] };
  /** All that an answer tells: the receipt is fresh each time. */
  const told = ({ status, headers, body }: Answer) => {
    const { date: _date, 'x-request-id': _id, ...rest } = headers;
    const unlike = Object.entries(rest).filter(([name]) => !/^ratelimit/.test(name));
    return { status, headers: Object.fromEntries(unlike), body: { ...body, receipt: body.receipt?.length } };
  };

  for (const slug of ['asks', 'counts']) {
    for (const who of ['of-lead', 'waits']) {
      await sign(slug, lead.secret, who, { external_id: `lead-${who}` });
    }
    await sign(slug, undefined, 'of-nobody');
    await sign(slug, site, 'of-partner', { external_id: undefined, ...yes });
    await sign(slug, site, 'mute');
  }
  await confirmAll();

  let made = 0;
  const alike = async (t: Test, slug: string, key: string, known: string[], fields = {}) => {
    // So that the published count stays what it was.
    api.setClock(new Date());
    t.teardown(() => api.setClock(undefined));
    const fresh = `new-${(made += 1)}`;
    const expected = told(await sign(slug, key, fresh, fields));
    t.equal(expected.status, 202);
    t.same(Object.keys(expected.body).sort(), ['confirmation', 'count', 'next', 'petition_id', 'receipt']);
    for (const who of known) {
      t.same(told(await sign(slug, key, who, fields)), expected, `${slug}: ${who}`);
      const retry = { 'idempotency-key': `retry-${(made += 1)}` };
      for (let i = 0; i < 2; i += 1) {
        t.same(told(await sign(slug, key, who, fields, retry)), expected, 'a retry');
      }
    }
  };

  await t.test('202: a partner signs whom others have collected, as anybody who is new', async (t) => {
    for (const slug of ['asks', 'counts']) {
      for (const fields of [{}, yes, { external_id: 'crm-1' }, { external_id: 'lead-waits' }]) {
        await alike(t, slug, partner.secret, ['of-lead', 'of-nobody', 'waits'], fields);
      }
    }
  });

  await t.test(
    '202: the lead signs whom a partner has collected under `counts`, as anybody new',
    async (t) => {
      for (const slug of ['asks', 'counts']) {
        for (const fields of [{}, { vouched: true }, { external_id: 'lead-of-lead' }]) {
          await alike(t, slug, lead.secret, ['of-partner', 'mute'], fields);
        }
      }
    },
  );

  await t.test('200: of a signature that it finds by the address, each hears the truth', async (t) => {
    for (const slug of ['asks', 'counts']) {
      const truth = { status: 200, body: { created: false, id: /^sig_/, confirmed_at: /Z$/ } };
      t.match(await sign(slug, partner.secret, 'of-partner'), truth);
      t.match(await sign(slug, lead.secret, 'of-lead'), truth);
      t.match(await sign(slug, lead.secret, 'of-nobody'), truth);
    }
    t.match(await sign('open', lead.secret, 'first'), { status: 201, body: { created: true } });
    t.match(await sign('open', lead.secret, 'first'), { status: 200, body: { created: false } });
  });

  await t.test('a partner’s own word does not bring a signature into its view', async (t) => {
    for (const who of ['of-lead', 'unknown']) {
      await sign('asks', partner.secret, who, yes);
      const evidence = { source: 'A list' };
      const body = { email: `${who}@example.org`, consent_text_id: text, evidence };
      t.ok((await api.call('POST', '/v1/subscriptions', { key: partner.secret, body })).status < 300);
      const path = `/v1/signatures?petition=asks&email=${who}@example.org`;
      t.same((await api.call('GET', path, { key: partner.secret })).body.data, [], who);
    }
    await confirmAll();
    const path = `/v1/signatures?petition=asks&email=unknown@example.org`;
    t.equal(
      (await api.call('GET', path, { key: partner.secret })).body.data.length,
      1,
      'the mailbox answered',
    );
  });

  await t.test('an import tells of a line no more than that it was accepted', async (t) => {
    const lines = ['of-partner', 'mute', 'never-seen'].map((who, i) =>
      JSON.stringify({ email: `${who}@example.org`, name: 'Somebody', external_id: `file-${i % 2}` }),
    );
    for (const accept of ['application/json', 'application/x-ndjson']) {
      for (let i = 0; i < 2; i += 1) {
        const { status, text } = await api.call('POST', '/v1/signatures/import?petition=counts', {
          key: lead.secret,
          headers: { 'content-type': 'application/x-ndjson', accept },
          body: `${lines.join('\n')}\n`,
        });
        t.equal(status, 200);
        const last = JSON.parse(text.trim().split('\n').at(-1) ?? '');
        const sums = { lines: 3, created: 0, confirmed: 0, already_signed: 0, left_out: 0, accepted: 3 };
        t.match(last, { ...sums, failed: 0, complete: true, problems: [] });
      }
    }
  });

  await t.test('a share link without a key says nothing of who brought its signer', async (t) => {
    const share = async (key?: string) => {
      const { receipt } = (await sign('counts', undefined, 'of-partner')).body;
      const body = { network: 'copy', receipt };
      const path = '/v1/petitions/counts/share-links';
      return (await api.call('POST', path, { ...(key ? { key } : {}), body })).body.code as string;
    };
    const [anybodys, partners] = [await share(), await share(site)];
    const { body } = await api.call('GET', '/v1/share-links?petition=counts', { key: lead.secret });
    const ofCode = (code: string) => body.data.find((row: any) => row.code === code);
    t.match(ofCode(anybodys), { organization_id: null, credited: true });
    t.match(ofCode(partners), { organization_id: partner.id });
    const statistics = '/v1/petitions/counts/share-statistics?group=organization';
    const groups = (await api.call('GET', statistics, { key: lead.secret })).text;
    t.equal(groups.split(partner.id).length - 1, 1, 'one link of the partner, the one that its key made');
    await sign('counts', undefined, 'through-the-link', { share_code: anybodys });
    const path = '/v1/signatures?petition=counts&email=through-the-link@example.org';
    t.match((await api.call('GET', path, { key: lead.secret })).body.data, [{ collector_id: null }]);
  });

  await t.test(
    'a person has another supporter_id for each organization, and one for all that it sees',
    async (t) => {
      await sign('open', undefined, 'of-partner');
      const idsOf = async (key: string, path: string): Promise<string[]> =>
        (await api.call('GET', path, { key })).body.data.map((row: any) => row.supporter_id);
      const who = 'email=of-partner@example.org';
      const theirs = [
        ...(await idsOf(partner.secret, `/v1/signatures?petition=asks&${who}`)),
        ...(await idsOf(partner.secret, `/v1/signatures?petition=counts&${who}`)),
        ...(await idsOf(partner.secret, `/v1/subscriptions?${who}`)),
      ];
      const [ours] = await idsOf(lead.secret, `/v1/signatures?petition=open&${who}`);
      t.equal(theirs.length, 3);
      t.equal(new Set(theirs).size, 1);
      t.match(ours, /^sup_[0-7][0-9a-z]{25}$/);
      t.not(ours, theirs[0]);
      const { supporters } = api.store.tables;
      const stored = (await api.store.read.db.select().from(supporters)).map(({ publicId }) => publicId);
      t.notOk(
        [ours, theirs[0]].some((id) => stored.includes(id ?? '')),
        'neither is the one that is stored',
      );
      const file = await api.call('GET', '/v1/signatures/export?petition=open&format=ndjson', {
        key: lead.secret,
      });
      t.match(file.text, `"supporter_id":"${ours}"`, 'nor in files');
    },
  );

  await t.test('a key that may moderate, and not read, is shown no addresses', async (t) => {
    const key = await api.newKey(lead.key, 'secret', ['signatures:moderate']);
    const fields = {
      phone: '+31 20 555 0123',
      postal_address: { lines: ['Millgate 4'] },
      external_id: 'crm-77',
    };
    await sign('open', lead.secret, 'masked', fields);
    const hidden = {
      email: null,
      supporter_id: null,
      phone: null,
      phone_e164: null,
      postal_address: null,
      external_id: null,
    };
    const body = { petition: 'open', action: 'invalidate', filter: { email_domain: 'example.org' } };
    const preview = await api.call('POST', '/v1/signature-moderations/preview', { key, body });
    t.ok(preview.body.matched > 0);
    t.match(preview.body.sample.at(-1), { name: 'Somebody', shown: 'names', ...hidden });
    t.notMatch(preview.text, /@|555 ?0199|Millgate|crm-|sup_/);
    const path = `/v1/signatures?petition=open&email=masked@example.org`;
    const [{ id }] = (await api.call('GET', path, { key: lead.secret })).body.data;
    for (const verb of ['invalidate', 'restore']) {
      const answer = await api.call('POST', `/v1/signatures/${id}/${verb}`, { key, body: { reason: 'x' } });
      t.match(answer, { status: 200, body: { id, shown: 'names', ...hidden } });
      t.notMatch(answer.text, /@|555 ?0199|Millgate|crm-|sup_/);
    }
    await sign('open', undefined, 'odd', { website: 'https://spam.example' });
    const odd = (
      await api.call('GET', '/v1/signatures?petition=open&email=odd@example.org', { key: lead.secret })
    ).body.data[0];
    for (const verb of ['refuse', 'restore', 'release']) {
      const answer = await api.call('POST', `/v1/signatures/${odd.id}/${verb}`, {
        key,
        body: { reason: 'x' },
      });
      t.match(answer, { status: 200, body: { shown: 'names', ...hidden } });
      t.notMatch(answer.text, /@/);
    }
    const both = await api.newKey(lead.key, 'secret', ['signatures:moderate', 'signatures:read']);
    const seen = await api.call('POST', '/v1/signature-moderations/preview', { key: both, body });
    t.match(seen.text, 'masked@example.org');
  });
});
