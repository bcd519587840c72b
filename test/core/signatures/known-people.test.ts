import { eq } from 'drizzle-orm';
import { recipientWhere } from '../../../src/core/mailings/previewing.js';
import { readMailing } from '../../../src/core/sending/open-mailings.js';
import { lookAtWire } from '../../../src/core/sending/wire-check.js';
import { makePartner, onEveryEngine, publish, start } from '../../support/helper.js';
import { collectLetter, tokenOf } from '../../support/mailbox.js';
import { addRecipients, draft, subscribers } from '../../support/mailing-rows.js';

/* What a mail and its preview say of a person: what the organization knows itself. */

onEveryEngine('a mail knows of a person what its organization knows', async (t, engine) => {
  const api = await start(t, engine);
  const [org, others, partner] = [
    await api.organization('Meadows'),
    await api.organization('Others'),
    await api.organization('Partner'),
  ];
  for (const slug of ['first', 'second']) await publish(api, org.secret, { slug });
  await publish(api, others.secret, { slug: 'theirs' });
  const shared = await publish(api, org.secret, { slug: 'shared' });
  await makePartner(api, org.secret, shared.id, partner, 'counts');
  const names = ['stranger', 'signer', 'contact', 'pending', 'hidden'];
  const emails = names.map((name) => `${name}@example.org`);
  const ids = await subscribers(api, org.secret, emails);
  let at = Date.now();
  t.teardown(() => api.setClock(undefined));
  const sign = async (key: string | undefined, petition: string, who: string, said: object) => {
    api.setClock(new Date((at += 60_000)));
    const body = { email: `${who}@example.org`, ...(key && { vouched: true }), ...said };
    const answer = await api.call('POST', `/v1/petitions/${petition}/signatures`, { key, body });
    t.ok(answer.status < 300, answer.text);
  };
  for (const who of names) await sign(others.secret, 'theirs', who, { name: 'Private Name', country: 'NL' });
  for (const [slug, said] of [
    ['first', { name: 'Old Name', country: 'FR' }],
    ['second', { name: 'Ada Okonkwo' }],
  ] as const) {
    await sign(undefined, slug, 'signer', said);
    const token = tokenOf(await collectLetter(api, 'signer@example.org'));
    await api.call('POST', '/v1/confirmations', { body: { token } });
  }
  await sign(org.secret, 'first', 'contact', { name: 'Bo Lind', country: 'SE' });
  await sign(undefined, 'first', 'pending', { name: 'Not Proven', country: 'DE' });
  await sign(partner.secret, 'shared', 'hidden', { name: 'Of The Partner', country: 'DK' });
  const { supporters, subscriptions } = api.store.tables;
  await api.store.transact(({ db }) => db.update(supporters).set({ name: 'Private Name', country: 'NL' }));

  const mailing = await draft(api, org);
  await api.store.transact((tx) => addRecipients(tx, mailing, ids));
  const { mailingRecipients: r } = api.store.tables;
  const mailed = await api.store.transact(async (tx) => {
    const sent = await readMailing(tx, mailing.key);
    if (!sent) throw new Error('no such mailing');
    const rows = await tx.db.select().from(r).innerJoin(supporters, eq(supporters.key, r.supporterKey));
    const hashed = rows.map(({ mailing_recipients: row, supporters: { identity } }: any) => ({
      claimed: row,
      identity,
      subject: api.app.ctx.secrets.subject(identity),
    }));
    return (await lookAtWire(tx, sent, hashed, undefined)).send;
  });
  const expected: Record<string, [string | null, string | null]> = {
    stranger: [null, null],
    signer: ['Ada Okonkwo', 'FR'],
    contact: ['Bo Lind', 'SE'],
    pending: [null, null],
    hidden: [null, null],
  };
  t.equal(mailed.length, names.length);
  for (const [i, who] of names.entries()) {
    const sent = mailed.find(({ email }) => email === `${who}@example.org`);
    t.same([sent?.name, sent?.country], expected[who], `${who}, in a mail`);
    const shown = await recipientWhere(api.store.read, eq(subscriptions.publicId, ids[i] ?? ''));
    t.same([shown?.name, shown?.country], expected[who], `${who}, in a preview`);
  }
});
