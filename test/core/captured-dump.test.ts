import { existsSync, readFileSync } from 'node:fs';
import type { Test } from 'tap';
import type { Letter } from '../../src/core/letters/letter.js';
import { connect } from '../../src/store/sqlite-connection.js';
import { dumpTables } from '../support/dump.js';
import { onEveryEngine, publish, start, type Engine, type TestApp } from '../support/helper.js';
import { collectMail, tokenIn, tokenOf } from '../support/mailbox.js';

/*
 * Somebody gets hold of the database: nothing in it opens anything. And of somebody who was erased nothing is in it,
 * not even where the database no longer looks.
 */

const EMAIL = 'Zelda.Quux@distinctive.example';
const NEW_EMAIL = 'zelda.quux@another.example';
const TOKEN = /\b[a-z]{2}_[A-Za-z0-9_-]{20,}/g;

/** The files of a SQLite database as they lie on the disk; nothing for PostgreSQL. */
const filesOf = ({ url }: TestApp): Buffer[] =>
  url.startsWith('file:')
    ? ['', '-wal'].flatMap((end) => {
        const file = url.slice('file:'.length) + end;
        return existsSync(file) ? [readFileSync(file)] : [];
      })
    : [];

/** Plays everything that gives out something secret. Returns all of it, and a session that is still open. */
async function play(t: Test, engine: Engine) {
  const api = await start(t, engine);
  const secrets = new Map<string, string>();
  const codes: string[] = [];
  const keep = (what: string, ...found: string[]) => found.forEach((one) => secrets.set(one, what));
  const post = async (path: string, body: unknown, options = {}) => {
    const answer = await api.call('POST', path, { body, ...options });
    if (answer.status >= 300) throw new Error(`${path}: ${answer.text}`);
    if (answer.body?.receipt) keep('receipt', answer.body.receipt as string);
    return answer;
  };
  const read = async (): Promise<Letter[]> => {
    const letters = await collectMail(api);
    for (const letter of letters) {
      keep(letter.template, ...(JSON.stringify(letter.values).match(TOKEN) ?? []));
      if (letter.values.code) codes.push(letter.values.code);
    }
    return letters;
  };
  const mailed = async (template: string) => {
    const letter = (await read()).find((one) => one.template === template);
    if (!letter) throw new Error(`no ${template}`);
    return letter;
  };

  const lead = await api.organization('River Meadows');
  keep('secret key', lead.secret);
  keep('publishable key', await api.newKey(lead.key, 'publishable'));
  const petition = await publish(api, lead.secret, { slug: 'meadows', page_url: 'https://meadows.example/' });
  const key = { key: lead.secret };
  const text = await post('/v1/consent-texts', { locale: 'en', text: 'Yes, mail me.' }, key);
  const yes = { consent_text_id: text.body.id, opt_in: true };
  const sign = (email: string, name: string) =>
    post('/v1/petitions/meadows/signatures', { email, name, opt_ins: [yes] });
  keep('retry', 'my-own-idempotency-key');
  const retry = { headers: { 'idempotency-key': 'my-own-idempotency-key' } };
  await post('/v1/subscriptions', { email: 'bo@example.org', consent_text_id: yes.consent_text_id }, retry);
  await read();

  await sign(EMAIL, 'Zelda Quux');
  await post('/v1/confirmations', { token: tokenOf(await mailed('confirm_signature')) });
  await sign('cy@example.org', 'Cy');
  const { values } = await mailed('confirm_signature');
  await post('/v1/confirmations', { email: 'cy@example.org', code: values.code });

  const mailing = await post('/v1/mailings', { name: 'First', petition: petition.id }, key);
  const links = await api.call('GET', `/v1/mailings/${mailing.body.id}/links`, key);
  keep(
    'mailing',
    ...(JSON.stringify(links.body).match(TOKEN) ?? []).filter((one) => !/^(?:su|sub)_/.test(one)),
  );

  const enter = async (email: string) => {
    await post('/v1/manage-links', { email });
    const session = await post('/v1/sessions', { token: tokenOf(await mailed('manage')) });
    keep('session', session.body.session_token as string);
    return session.body.session_token as string;
  };
  await post('/v1/me/email-changes', { email: NEW_EMAIL }, { key: await enter(EMAIL) });
  await post('/v1/email-changes/confirm', { token: tokenOf(await mailed('email_apply')) });

  await post('/v1/unsubscribe', { email: 'cy@example.org' });
  const [list] = (await mailed('unsubscribe_links')).values.subscriptions ?? [];
  await post(`/v1/unsubscribe/${tokenIn(list?.link ?? '')}`, {});
  await mailed('unsubscribed');
  api.setClock(new Date(Date.now() + 20 * 60_000));
  return { api, secrets, codes, session: await enter(NEW_EMAIL) };
}

onEveryEngine('a captured database', async (t, engine) => {
  const { api, secrets, codes, session } = await play(t, engine);
  t.teardown(() => api.setClock(undefined));

  await t.test('no token and no code that was ever given out is in it', async (t) => {
    const kinds = new Set(secrets.values());
    for (const kind of ['manage', 'session', 'mailing', 'email_apply', 'email_notice', 'unsubscribed']) {
      t.ok(kinds.has(kind), `there was a ${kind}`);
    }
    const prefixes = new Set([...secrets.keys()].map((one) => one.slice(0, 3)));
    for (const prefix of ['pc_', 'pm_', 'ps_', 'pe_', 'px_', 'pr_', 'pu_', 'pb_']) {
      t.ok(prefixes.has(prefix), prefix);
    }
    t.ok(codes.length >= 2);

    const dump = Object.values(await dumpTables(api)).flat();
    const rows = dump.join('\n');
    t.match(rows, /zelda\.quux@another/, 'what should be in it is found');
    const files = filesOf(api);
    for (const [secret, kind] of secrets) {
      // As it is written, without its prefix, and as the bytes that it stands for.
      const bare = secret.replace(/^[a-z]{2,3}_/, '');
      const forms = [secret, bare].map((one) => Buffer.from(one));
      if (/^p[a-z]_/.test(secret)) forms.push(Buffer.from(bare, 'base64url'));
      // Of what is signed, only the signature is not in the database in one way or another.
      if (/^p[rub]_/.test(secret)) forms.push(Buffer.from(bare, 'base64url').subarray(-16));
      for (const form of forms) {
        const written = [form.toString('latin1'), form.toString('hex'), form.toString('base64')];
        if (written.some((one) => rows.includes(one))) t.fail(`${kind} is in a table`);
        if (files.some((file) => file.includes(form))) t.fail(`${kind} is in a file`);
      }
    }
    // Six digits may stand in an id or a time by chance: so whole values are looked at.
    const values = dump
      .flatMap((line) => Object.values(JSON.parse(line) as Record<string, unknown>))
      .map(String);
    for (const code of codes) {
      const hex = Buffer.from(code).toString('hex');
      if (values.some((value) => value === code || value === hex)) t.fail('a code is in a table');
      if (files.some((file) => file.includes(code))) t.fail('a code is in a file');
    }
    t.pass(`${secrets.size} secrets and ${codes.length} codes were looked for`);
  });

  await t.test(
    'of somebody who was erased nothing is in it, nor in what its files no longer use',
    async (t) => {
      const traces = /zelda|quux|distinctive|another\.example/i;
      if (engine.name === 'sqlite') t.match(filesOf(api).join('\n'), traces, 'it could be found before');
      t.match(await api.call('DELETE', '/v1/me', { key: session }), { status: 204 });
      const rows = Object.values(await dumpTables(api)).flat();
      t.equal(
        rows.find((row) => traces.test(row)),
        undefined,
      );
      if (engine.name !== 'sqlite') return;
      // What the server does now and then: until then the log holds what was.
      const connection = connect(api.url.slice('file:'.length));
      connection.pragma('wal_checkpoint(truncate)');
      connection.close();
      for (const file of filesOf(api)) t.equal(traces.exec(file.toString('latin1'))?.index, undefined);
      t.match(filesOf(api).join('\n'), /bo@example\.org/, 'others stay');
    },
  );
});
