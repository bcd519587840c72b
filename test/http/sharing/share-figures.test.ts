import { eq } from 'drizzle-orm';
import { onEveryEngine } from '../../support/helper.js';
import { collectMail, tokenOf } from '../../support/mailbox.js';
import { recountShares } from '../../support/share-recount.js';
import { enter, startSharing } from '../../support/sharing.js';

onEveryEngine('conversions', async (t, engine) => {
  const { api, lead, makeLink, sign, confirmAll, conversions, idOf, moderate } = await startSharing(
    t,
    engine,
  );
  const { receipt } = (await sign('ada@gmail.com')).body;
  const code = await makeLink({ receipt });
  const own = async (email: string) => {
    const key = await enter(api, email);
    return (method: string, path: string) => api.call(method, `/v1/me${path}`, { key });
  };

  await t.test(
    'a pending signature is none, a confirmed one is one, also when it is confirmed twice',
    async (t) => {
      await sign('bo@example.org', { share_code: code });
      t.equal(await conversions(code), 0);
      const letters = await collectMail(api);
      for (const letter of [...letters, ...letters]) {
        await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
      }
      t.equal(await conversions(code), 1);
      await sign('bo@example.org', { share_code: code });
      await confirmAll();
      t.equal(await conversions(code), 1, 'signing again is no second one');
    },
  );

  await t.test('one that is taken out is none, and one again when it is put back', async (t) => {
    await moderate('bo@example.org', 'invalidate');
    t.equal(await conversions(code), 0);
    await moderate('bo@example.org', 'restore');
    t.equal(await conversions(code), 1);
  });

  await t.test('one that is taken out before it is confirmed counts only when it is put back', async (t) => {
    await sign('cy@example.org', { share_code: code });
    const [letter] = await collectMail(api);
    await moderate('cy@example.org', 'invalidate');
    const token = letter && tokenOf(letter);
    t.match(await api.call('POST', '/v1/confirmations', { body: { token } }), { status: 200 });
    t.equal(await conversions(code), 1);
    await moderate('cy@example.org', 'restore');
    t.equal(await conversions(code), 2);
  });

  await t.test('one that is taken back is none, until its signer comes back', async (t) => {
    const me = await own('cy@example.org');
    t.equal((await me('DELETE', `/signatures/${await idOf('cy@example.org')}`)).status, 200);
    t.equal(await conversions(code), 1);
    await sign('cy@example.org', { share_code: code });
    await confirmAll();
    t.equal(await conversions(code), 2);
  });

  await t.test(
    'one whose signer is erased stays, like in the count; and is one when they come back',
    async (t) => {
      await (
        await own('cy@example.org')
      )('DELETE', '');
      t.equal(await conversions(code), 2);
      await sign('cy@example.org', { share_code: code });
      await confirmAll();
      t.equal(await conversions(code), 2, 'the old one gives way to the new one');
    },
  );

  await t.test('nobody brings themselves, nor another spelling of their address', async (t) => {
    for (const email of ['ada@gmail.com', 'A.D.A@gmail.com', 'ada+2@googlemail.com']) {
      t.equal((await sign(email, { share_code: code })).status, 202);
      await confirmAll();
      t.equal(await conversions(code), 2, email);
    }
    const vouched = { share_code: code, vouched: true };
    t.match(await sign('a.d.a+3@gmail.com', vouched, 'meadows', lead.secret), { status: 201 });
    t.equal(await conversions(code), 2);
    const { signatures } = api.store.tables;
    const rows = await api.store.read.db.select().from(signatures);
    t.equal(
      rows.filter(({ shareLinkKey, status }) => shareLinkKey !== null && status === 'confirmed').length,
      2,
    );
  });

  await t.test('a code of another petition, or of none, costs no signature and counts nowhere', async (t) => {
    const other = await makeLink({}, 'quick');
    for (const [i, wrong] of [other, '2222222222'].entries()) {
      t.equal((await sign(`wrong${i}@example.org`, { share_code: wrong })).status, 202);
    }
    await confirmAll();
    t.equal(await conversions(other), 0);
    t.match(await sign('bad@example.org', { share_code: 'aeiou' }), {
      status: 422,
      body: { errors: [{ pointer: '/share_code' }] },
    });
  });

  await t.test('at once where no confirmation is asked, or somebody vouches', async (t) => {
    const quick = await makeLink({}, 'quick');
    await sign('bo@example.org', { share_code: quick }, 'quick');
    t.equal(await conversions(quick), 1);
    await sign('di@example.org', { share_code: code, vouched: true }, 'meadows', lead.secret);
    t.equal(await conversions(code), 3);
    t.match(await sign('di@example.org', { vouched: true }, 'meadows', lead.secret), { status: 200 });
    t.equal(await conversions(code), 3);
  });

  await t.test('the signer sees how many, never who', async (t) => {
    await makeLink({ receipt, network: 'email', source: 'thanks' });
    const ada = await own('ada@gmail.com');
    const page = await ada('GET', '/signatures');
    t.match(page, { status: 200, body: { data: [{ shared: { links: 2, clicks: 0, conversions: 3 } }] } });
    const { body, text } = await ada('GET', '/export');
    t.match(body.signatures, [{ shared: { links: 2, clicks: 0, conversions: 3 } }]);
    t.match(body.share_links, [
      { code, network: 'x', source: null, clicks: 0, conversions: 3 },
      { network: 'email', source: 'thanks', conversions: 0 },
    ]);
    t.notMatch(page.text + text, /bo@|cy@|di@/);
    const bo = await own('bo@example.org');
    t.match((await bo('GET', '/signatures')).body.data, [{ shared: { links: 0 } }, { shared: { links: 0 } }]);
    t.same((await bo('GET', '/export')).body.share_links, [], 'whose link one came through is not one’s own');
  });

  await t.test('an erased signer’s links go on, and are nobody’s', async (t) => {
    await (
      await own('ada@gmail.com')
    )('DELETE', '');
    t.match((await api.call('GET', `/v1/share-links/${code}`)).body, { credited: false, conversions: 3 });
    const { shareLinks: t_ } = api.store.tables;
    const [row] = await api.store.read.db.select().from(t_).where(eq(t_.code, code));
    t.match(row, { signatureKey: null, receiptHash: null });
  });

  t.same(await recountShares(api.store.read), []);
});
