import { createHash } from 'node:crypto';
import { onEveryEngine, makePartner, publish, start, type TestApp } from '../../support/helper.js';
import { collectLetter, tokenOf } from '../../support/mailbox.js';

type Organization = Awaited<ReturnType<TestApp['organization']>>;

/** A mailing of an organization about a petition, with the token of its one subscriber's personal link. */
async function mailTo(api: TestApp, { secret: key }: Organization, petition: string) {
  const text = await api.call('POST', '/v1/consent-texts', { key, body: { locale: 'en', text: 'Yes.' } });
  const rows = [{ email: 'subscriber@example.org' }];
  const body = { consent_text_id: text.body.id, evidence: { source: 'stall' }, rows };
  await api.call('POST', '/v1/subscriptions/import', { key, body });
  const mailing = await api.call('POST', '/v1/mailings', { key, body: { name: 'First', petition } });
  const links = await api.call('GET', `/v1/mailings/${mailing.body.id}/links`, { key });
  return { id: mailing.body.id as string, token: links.body.data[0].recognise_token as string };
}

let codes = 0;
/** Valid and different each time; the shape of real ones does not matter here. */
const newCode = () => `bcdfghjk${'bcdfghjkmnpqrstvwxyz'[codes % 20]}${'23456789'[Math.floor(codes++ / 20)]}`;

/** A share link of an organization, or of nobody. */
async function shareLink(api: TestApp, petition: string, organizationKey: number | null): Promise<string> {
  const code = newCode();
  const { petitions, shareVariants, shareLinks } = api.store.tables;
  await api.store.transact(async (tx) => {
    const all = await tx.db.select({ key: petitions.key, id: petitions.publicId }).from(petitions);
    const petitionKey = all.find(({ id }) => id === petition)?.key ?? 0;
    const at = { petitionKey, createdAt: tx.now };
    const hash = createHash('sha256').update(code).digest();
    const publicId = api.app.ctx.newId('var');
    const [variant] = await tx.db
      .insert(shareVariants)
      .values({ ...at, publicId, network: 'copy', hash })
      .returning();
    await tx.db.insert(shareLinks).values({ ...at, code, variantKey: variant?.key ?? 0, organizationKey });
  });
  return code;
}

onEveryEngine('whom a signature is attributed to', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('Lead');
  const partner = await api.organization('Partner');
  const other = await api.organization('Other Partner');
  const former = await api.organization('Former Partner');
  const groups = { lead, partner, other, former };
  const petition = await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none' });
  const joined = [];
  for (const one of [partner, other, former]) {
    joined.push(await makePartner(api, lead.secret, 'meadows', one));
  }
  const mailings: Record<string, { id: string; token: string }> = {};
  const codes: Record<string, string> = { nobody: await shareLink(api, petition.id, null) };
  const keys: Record<string, string> = {};
  for (const [name, one] of Object.entries(groups)) {
    mailings[name] = await mailTo(api, one, petition.id);
    codes[name] = await shareLink(api, petition.id, one.key);
    keys[name] = await api.newKey(one.key, 'publishable');
  }
  const end = { key: former.secret, body: {} };
  await api.call('POST', `/v1/partnerships/${joined[2].id}/end`, end);

  const takesPart = (name: string) => ['lead', 'partner', 'other'].includes(name);
  /** The documented precedence: a partner's key, the share link, the personal link, the lead's key. */
  const expected = (key: string, link: string, mailing: string): string =>
    (key !== 'lead' && takesPart(key) ? key : undefined) ??
    [link, mailing].find(takesPart) ??
    (key === 'lead' ? key : 'nobody');

  const CASES = ['none', 'lead', 'partner', 'other'].flatMap((key) =>
    ['none', 'nobody', 'lead', 'partner', 'other', 'former'].flatMap((link) =>
      ['none', 'lead', 'partner', 'other', 'former'].map((mailing) => ({ key, link, mailing })),
    ),
  );

  await t.test('every key × share link × personal link goes to the first that takes part', async (t) => {
    const sign = async ({ key, link, mailing }: (typeof CASES)[number]) => {
      const name = `${key} ${link} ${mailing}`;
      const body = {
        email: `${name.replaceAll(' ', '.')}@example.org`,
        name,
        ...(link === 'none' ? {} : { share_code: codes[link] }),
        ...(mailing === 'none' ? {} : { recognition: mailings[mailing]?.token }),
      };
      return api.call('POST', '/v1/petitions/meadows/signatures', { key: keys[key], body });
    };
    const answers = [];
    for (let i = 0; i < CASES.length; i += 20) {
      answers.push(...(await Promise.all(CASES.slice(i, i + 20).map(sign))));
    }
    t.same([...new Set(answers.map(({ status, body }) => body.code ?? status))], [202]);
    const { signatures: s } = api.store.tables;
    const rows = await api.store.read.db
      .select({ name: s.name, collectorKey: s.collectorKey, mailingKey: s.mailingKey, link: s.shareLinkKey })
      .from(s);
    const nameOf = new Map<number | null, string>(
      Object.entries(groups).map(([name, { key }]) => [key, name]),
    );
    const found = rows.map((row) => [row.name, nameOf.get(row.collectorKey) ?? 'nobody']).sort();
    const wanted = CASES.map((one) => [
      `${one.key} ${one.link} ${one.mailing}`,
      expected(one.key, one.link, one.mailing),
    ]).sort();
    t.equal(found.length, 4 * 6 * 5);
    t.same(found, wanted);
    for (const { name, mailingKey, link } of rows) {
      const [, shared, mailed] = name.split(' ');
      t.same(
        [link !== null, mailingKey !== null],
        [shared !== 'none', takesPart(mailed ?? '')],
        `${name}: what brought it is kept, but for the mailing of one who takes no part`,
      );
    }
  });

  await t.test('the sums of the board are those of the rows', async (t) => {
    const { body } = await api.call('GET', '/v1/petitions/meadows/partners', { key: lead.secret });
    const wanted = (name: string) =>
      CASES.filter((one) => expected(one.key, one.link, one.mailing) === name).length;
    for (const [name, { id }] of Object.entries({ partner, other, former })) {
      const row = body.partners.find((one: any) => one.organization.id === id);
      t.equal(row.confirmed, wanted(name), name);
    }
    t.same([body.lead.confirmed, body.unattributed.confirmed], [wanted('lead'), wanted('nobody')]);
  });

  await t.test('it survives the links, hints that do not work, and the way to the mailbox', async (t) => {
    const mailed = await publish(api, lead.secret, { slug: 'mailed' });
    await makePartner(api, lead.secret, 'mailed', partner);
    const { id, token } = await mailTo(api, partner, mailed.id);
    const email = 'late@example.org';
    const sign = (address: string, share_code: string | undefined) => {
      const body = { email: address, name: 'Late', recognition: token, share_code };
      return api.call('POST', '/v1/petitions/mailed/signatures', { body });
    };
    // The link of another petition is ignored, and a broken one.
    t.equal((await sign(email, codes['other'])).status, 202);
    const letter = await collectLetter(api, email);
    await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
    t.equal((await sign('later@example.org', 'zzzzzzzzzz')).status, 202);
    const later = await api.call('GET', '/v1/signatures?petition=mailed&status=pending', {
      key: lead.secret,
    });
    t.match(later.body.data, [{ collector_id: partner.id, mailing_id: id }]);
    const of = `petition=mailed&email=${email}`;
    const { body } = await api.call('GET', `/v1/signatures?${of}`, { key: lead.secret });
    t.match(body.data, [{ status: 'confirmed', collector_id: partner.id, mailing_id: id }]);
  });

  await t.test('403: a key of one who takes no part any more collects for nobody', async (t) => {
    const body = { email: 'no@example.org', name: 'No', share_code: codes['partner'] };
    for (const key of [keys['former'], former.secret]) {
      t.match(await api.call('POST', '/v1/petitions/meadows/signatures', { key, body }), {
        status: 403,
        body: { code: 'not_a_partner' },
      });
    }
  });
});
