import type { Test } from 'tap';
import {
  againstEveryEngine,
  countOf,
  enter,
  erase,
  form,
  importLines,
  join,
  mailed,
  mailsOut,
  must,
  newAddress,
  publish,
  sign,
  signAndConfirm,
  signatureOf,
  tokensTo,
  type World,
} from './world.js';
import { lookFor } from '../support/until.js';

/* One person counts once, for ever; one mailbox is one person; and nobody adds people to the count of others. */

againstEveryEngine({ RATE_LIMIT: 'false' }, async (t, world) => {
  await t.test('who was erased comes back, by every door, and counts once', (t) => comeBack(t, world));
  await t.test('what was invalidated before the erasure is restored after it', (t) => restored(t, world));
  await t.test('what was refused before the erasure is released after it', (t) => released(t, world));
  await t.test('two mailboxes that take turns are two people', (t) => takeTurns(t, world));
  await t.test('the undo of a change of address works whoever has signed under it', (t) => undone(t, world));
  await t.test('spellings of one mailbox are one person, and get the mails of one', (t) => spelt(t, world));
  await t.test('a partner adds nobody by vouching, unless that was agreed', (t) =>
    vouchedByPartner(t, world),
  );
  await t.test('strangers do not use up the mails that the owner asks for', (t) => usedUp(t, world));
  t.match(await world.command('recount'), /^Every counter equals its rows/, 'and all counters are right');
});

const INSTANT = { confirmation: 'none' };

async function comeBack(t: Test, world: World): Promise<void> {
  const { lead, partner, call } = world;
  const doors: Record<string, (p: { id: string; path: string }, email: string) => Promise<unknown>> = {
    'by signing': (p, email) => sign(world, p, email),
    'by a key that vouches': (p, email) => sign(world, p, email, { key: lead.secret, vouched: true }),
    'by a key that does not vouch': (p, email) => sign(world, p, email, { key: lead.secret }),
    'by the key of a partner': (p, email) => sign(world, p, email, { key: partner.secret }),
    'by an import': (p, email) => importLines(world, p, lead.secret, [form(email)]),
    'by an import of what was signed before': (p, email) =>
      importLines(world, p, lead.secret, [form(email, { created_at: '2026-01-01T00:00:00Z' })]),
  };
  const other = await publish(world, INSTANT);
  const ways = ['at once', 'after another petition', 'after another petition, and twice'];
  const tries = Object.entries(doors).flatMap(([door, comesBack]) =>
    (door === 'by signing' ? ways : ways.slice(0, 2)).map(async (way) => {
      const petition = await publish(world, INSTANT);
      await must(200, join(world, petition.id));
      const email = newAddress();
      await sign(world, petition, email);
      await erase(world, email);
      const erased = await countOf(world, petition);
      if (way !== 'at once') await sign(world, other, email);
      await comesBack(petition, email);
      if (way.endsWith('twice')) await comesBack(petition, email.toUpperCase());
      const back = await countOf(world, petition);
      const { data } = await must(200, call('GET', `${petition.path}/history`));
      const history = data.reduce((all: number, { confirmed }: any) => all + Number(confirmed), 0);
      return { name: `erased, and back ${door}, ${way}`, erased, back, history };
    }),
  );
  for (const { name, erased, back, history } of await Promise.all(tries)) {
    t.equal(erased, 1, `what an erased person has signed goes on to count: ${name}`);
    t.equal(back, 1, `one address counts ${back} times: ${name}`);
    t.equal(history, back, `the history adds up to ${history}: ${name}`);
  }
}

async function restored(t: Test, world: World): Promise<void> {
  const { call, lead } = world;
  const reason = { reason: 'Looks odd' };
  for (const confirmation of ['email', 'none']) {
    const petition = await publish(world, { confirmation });
    const email = newAddress();
    const come = () =>
      confirmation === 'email' ? signAndConfirm(world, petition, email) : sign(world, petition, email);
    await come();
    t.equal(await countOf(world, petition), 1);
    const { id } = await signatureOf(world, petition, email, lead.secret);
    const moderate = (verb: string) =>
      call('POST', `/v1/signatures/${id}/${verb}`, { key: lead.secret, body: reason });
    await must(200, moderate('invalidate'));
    await erase(world, email);
    await come();
    const answer = await moderate('restore');
    t.ok(answer.status < 500, answer.text);
    const count = await countOf(world, petition);
    t.equal(
      count,
      1,
      `one address counts ${count} times: invalidated, erased, back (${confirmation}), restored`,
    );
  }
}

async function released(t: Test, world: World): Promise<void> {
  const { call, lead, mail } = world;
  for (const confirmation of ['email', 'none']) {
    const petition = await publish(world, { confirmation });
    const email = newAddress();
    await sign(world, petition, email, { website: 'https://machine.example' });
    const { id, status } = await signatureOf(world, petition, email, lead.secret);
    t.equal(status, 'quarantined');
    const body = { reason: 'As the campaigner said' };
    const moderate = (verb: string) =>
      call('POST', `/v1/signatures/${id}/${verb}`, { key: lead.secret, body });
    await must(200, moderate('refuse'));
    await erase(world, email);
    await mailsOut(world);
    const mails = mail.received.length;
    for (const verb of ['restore', 'release', 'restore']) {
      t.ok((await moderate(verb)).status < 500, verb);
    }
    await mailsOut(world);
    const count = await countOf(world, petition);
    t.equal(count, 0, `an erased person who never counted begins to: ${confirmation}`);
    t.equal(mail.received.length, mails, 'and nobody is mailed about it');
  }
}

async function changeAddress(world: World, session: string, from: string, to: string): Promise<string> {
  const ask = () =>
    must(202, world.call('POST', '/v1/me/email-changes', { key: session, body: { email: to } }));
  const token = await mailed(world, to, 'pe_', ask);
  const undo = await lookFor(() => tokensTo(world, from, 'px_').at(-1));
  await must(200, world.call('POST', '/v1/email-changes/confirm', { body: { token } }));
  return undo ?? '';
}

async function takeTurns(t: Test, world: World): Promise<void> {
  const petition = await publish(world, INSTANT);
  const [one, two] = [newAddress(), newAddress()];
  await sign(world, petition, one);
  await erase(world, one);
  await sign(world, petition, two);
  await changeAddress(world, await enter(world, two), two, one);
  await sign(world, petition, two);
  const count = await countOf(world, petition);
  t.ok(
    count <= 2,
    `two mailboxes count ${count} times: one is erased, the other moves there and signs again`,
  );
  await sign(world, petition, one);
  t.ok((await countOf(world, petition)) <= 2, 'nor when the first signs once more');
}

async function undone(t: Test, world: World): Promise<void> {
  const { call, lead } = world;
  const asking = await publish(world);
  const ways: Record<string, (p: { path: string }, email: string) => Promise<unknown>> = {
    'anybody signed with it elsewhere, and has not confirmed': (_, email) => sign(world, asking, email),
    'anybody signed the same with it, and counts at once': (petition, email) => sign(world, petition, email),
    'a key has vouched for it': (petition, email) =>
      sign(world, petition, email, { key: lead.secret, vouched: true, name: 'Mallory' }),
  };
  for (const [way, takes] of Object.entries(ways)) {
    const petition = await publish(world, INSTANT);
    const [old, fresh] = [newAddress(), newAddress()];
    await sign(world, petition, old, { name: 'Olga Owner' });
    const token = await changeAddress(world, await enter(world, old), old, fresh);
    await takes(petition, old);
    const { status, body } = await call('POST', '/v1/email-changes/undo', { body: { token } });
    const wanted = { status: 200, body: { status: 'undone' } };
    t.match({ status, body }, wanted, `the owner cannot have the old address back: ${way}`);
    const count = await countOf(world, petition);
    t.equal(count, 1, `one mailbox counts ${count} times after the undo: ${way}`);
    const seen = await signatureOf(world, petition, old, lead.secret);
    t.match(seen, { status: 'confirmed', name: 'Olga Owner' }, `and the owner's own words are there: ${way}`);
  }
}

async function spelt(t: Test, world: World): Promise<void> {
  const dotted = (n: number) =>
    [...'vernon'].map((letter, i) => ((n >> i) & 1 ? `${letter}.` : letter)).join('');
  const spellings: [string, string, (n: number) => string][] = [
    ['tags at gmail', 'email', (n) => `vera.victim+${n}@gmail.com`],
    ['dots at gmail', 'none', (n) => `${dotted(n)}victim@gmail.com`],
    ['gmail and googlemail', 'none', (n) => `volker+${n}@${n % 2 ? 'gmail' : 'googlemail'}.com`],
    ['tags elsewhere', 'email', (n) => `victoria+${n}@outlook.com`],
  ];
  const key = world.lead.secret;
  for (const [name, confirmation, spell] of spellings) {
    const addresses = Array.from({ length: 8 }, (_, n) => spell(n));
    const petition = await publish(world, { confirmation });
    for (const email of addresses) await sign(world, petition, email);
    await mailsOut(world);
    const tokens = addresses.flatMap((email) => tokensTo(world, email, 'pc_'));
    t.ok(tokens.length <= 3, `one mailbox got ${tokens.length} mails in a minute: ${name}`);
    for (const token of tokens) {
      await must(200, world.call('POST', '/v1/confirmations', { body: { token } }));
    }
    const count = await countOf(world, petition);
    t.ok(count > 0 && count <= 3, `one mailbox counts ${count} times: ${name}`);
    const query = `petition=${petition.id}&status=quarantined`;
    const { data } = await must(200, world.call('GET', `/v1/signatures?${query}`, { key }));
    // Three may still be pending, which can no longer count, where the mails went to others.
    t.ok(data.length >= 3, `of the others ${data.length} wait in quarantine: ${name}`);
  }
}

async function vouchedByPartner(t: Test, world: World): Promise<void> {
  const { call, lead, partner } = world;
  const petition = await publish(world);
  await must(200, join(world, petition.id));
  const invented = Array.from({ length: 50 }, () => form(newAddress()));
  await importLines(world, petition, partner.secret, invented);
  const imported = await countOf(world, petition);
  t.equal(imported, 0, `a partner's import adds ${imported} invented people to the lead's count`);
  await sign(world, petition, newAddress(), { key: partner.secret, vouched: true });
  t.equal(await countOf(world, petition), imported, 'a partner adds people by vouching one by one');

  const agreed = await publish(world);
  const terms = { lead_sees: 'full', may_vouch: true };
  const joined = await join(world, agreed.id, terms);
  t.match(joined, { status: 200, body: { may_vouch: true } }, 'the lead can agree to it');
  await importLines(world, agreed, partner.secret, invented.slice(0, 5));
  t.equal(await countOf(world, agreed), 5, 'then what it vouches for counts');
  const board = await must(200, call('GET', `/v1/petitions/${agreed.id}/partners`, { key: lead.secret }));
  t.match(board.partners[0], { vouching: { counted: 5 } }, 'and the lead sees how many that were');
}

async function usedUp(t: Test, world: World): Promise<void> {
  const { call } = world;
  const victim = newAddress();
  const petitions = [];
  for (let i = 0; i < 4; i += 1) petitions.push(await publish(world));
  await signAndConfirm(world, petitions[0] as { path: string }, victim);
  for (const petition of petitions.slice(1)) await sign(world, petition, victim);
  await mailsOut(world);
  const asking = (path: string) => () => must(202, call('POST', path, { body: { email: victim } }));
  const mine = await mailed(world, victim, 'pm_', asking('/v1/manage-links'));
  t.ok(mine, 'three signatures of a stranger keep the owner from “my data” for a day');

  const other = newAddress();
  const text = { locale: 'en', text: 'Yes, mail me.' };
  const { id } = await must(201, call('POST', '/v1/consent-texts', { key: world.lead.secret, body: text }));
  const list = { email: other, consent_text_id: id };
  const confirm = await mailed(world, other, 'pc_', () =>
    must(202, call('POST', '/v1/subscriptions', { body: list })),
  );
  await must(200, call('POST', '/v1/confirmations', { body: { token: confirm } }));
  for (const petition of petitions) await sign(world, petition, other);
  await mailsOut(world);
  const before = world.mail.received.filter(({ to }) => to.includes(other)).length;
  await must(202, call('POST', '/v1/unsubscribe', { body: { email: other } }));
  await mailsOut(world);
  const after = world.mail.received.filter(({ to }) => to.includes(other)).length;
  t.equal(after, before + 1, 'signatures of a stranger keep the owner on a list: no mail to leave it comes');
  t.ok(after <= 5, `and strangers cannot have more than the cap sent: ${after}`);
}
