import { inArray } from 'drizzle-orm';
import { onEveryEngine, openTestStore } from '../../support/helper.js';
import { startMailServer } from '../../support/mail-server.js';
import { recipientsOf, runningMailing, stateOf, sumsOf } from '../../support/mailing-world.js';
import { body, FAST, home, PETITION, post, serve } from '../../support/process.js';
import { until } from '../../support/until.js';

/* The real server, which sends a mailing in a thread of its own. */

const MAILS = 600;
const KILLS = 2;
/** One second is promised; a loaded machine gets more. */
const MOST_DELAY_MS = 5000;

onEveryEngine('kill -9 in the middle of a mailing, and confirmations beside it', async (t, engine) => {
  const server = await startMailServer(t);
  const DATABASE_URL = await engine.database(t);
  const cwd = home(t);
  const env = { ...FAST, DATABASE_URL, SMTP_URL: server.url, MAILING_CONNECTIONS: '4' };
  let running = await serve(t, cwd, env);
  const store = await openTestStore(DATABASE_URL);
  t.teardown(() => store.close());

  // The petition of the demo asks nobody to confirm.
  const { petitions } = store.tables;
  await store.transact(({ db }) => db.update(petitions).set({ confirmation: 'email' }));

  const confirmation = async (email: string): Promise<number> => {
    const from = performance.now();
    const answer = await post(`${running.url}${PETITION}/signatures`, body(email));
    t.equal(answer.status, 202);
    await until(() => server.received.some(({ to }) => to.includes(email)), `the mail to ${email}`);
    return performance.now() - from;
  };
  const alone = await confirmation('alone@example.net');

  server.mood = { slow: 10 };
  const people = Array.from({ length: MAILS }, (_, i) => ({
    email: `p${i}@d${i % 9}.example.org`,
    name: 'Zoë',
  }));
  const [organization] = await store.read.db.select().from(store.tables.organizations).limit(1);
  const { mailingKey } = await runningMailing(store, organization?.key ?? 0, people);
  const mailed = () => server.received.filter(({ to }) => to[0]?.endsWith('.example.org'));
  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = mailed().length;
    await until(
      async () => {
        await sumsOf(store, mailingKey);
        return mailed().length > before + 15;
      },
      'that it is in the middle',
      { withinMs: 60_000 },
    );
    if (kill === 0) {
      const beside = await confirmation('beside@example.net');
      t.ok(mailed().length < MAILS, 'the mailing was still being sent');
      t.ok(
        beside - alone < MOST_DELAY_MS,
        `a confirmation took ${Math.round(beside)} ms, alone ${Math.round(alone)} ms`,
      );
      t.comment(`confirmation: ${Math.round(alone)} ms alone, ${Math.round(beside)} ms beside a mailing`);
    }
    await running.end('SIGKILL');
    running = await serve(t, cwd, env);
  }
  // The leases of the dead run out.
  const { mailingRecipients: r } = store.tables;
  const lapse = () =>
    store.transact(({ db, now }) =>
      db
        .update(r)
        .set({ dueAt: new Date(now.getTime() - 1) })
        .where(inArray(r.state, ['claimed', 'sending'])),
    );
  await lapse();
  await until(() => mailed().length > MAILS / 3, 'more', { withinMs: 60_000 });
  const from = performance.now();
  const ended = await running.end('SIGTERM');
  t.equal(ended.code, 0, 'SIGTERM ends it');
  t.ok(performance.now() - from < 20_000);
  const held = await sumsOf(store, mailingKey);
  await lapse();
  running = await serve(t, cwd, env);
  await until(async () => (await stateOf(store, mailingKey)).state === 'done', 'that it is done', {
    withinMs: 90_000,
  });
  await running.end('SIGTERM');

  const got = mailed().flatMap(({ to }) => to);
  t.equal(new Set(got).size, got.length, 'nobody got it twice');
  const missing = (await recipientsOf(store, mailingKey)).filter(({ email }) => !got.includes(email));
  t.same(
    missing.filter(({ state }) => state !== 'uncertain'),
    [],
    'who did not get it is uncertain',
  );
  const { sent = 0, uncertain = 0, ...rest } = await sumsOf(store, mailingKey);
  t.same(rest, {});
  t.equal(sent + uncertain, MAILS);
  t.ok(uncertain <= KILLS * 2 * 4, `${uncertain} uncertain: at most what the dead had begun`);
  t.ok((held['sending'] ?? 0) <= 24, 'SIGTERM leaves nothing under way but that of the dead');
  t.notMatch(running.output(), /@d\d|@example/, 'no address in the log');
});
