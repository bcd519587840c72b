import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../src/config.js';
import { loadLocales } from '../src/mail/load-locales.js';
import { startMailings } from '../src/start-mailings.js';
import type { Reader } from '../src/store/store.js';
import { turnMemory } from '../src/store/writer-turn.js';
import { onEveryEngine, ROOT_KEY, start } from './support/helper.js';
import { runningMailing, stateOf } from './support/mailing-world.js';
import { until } from './support/until.js';

onEveryEngine('the thread of mailings starts with the first mailing', async (t, engine) => {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const turn = turnMemory();
  const api = await start(t, engine, { store: { turn }, storeThread: false });
  const { key } = await api.organization('Meadows');
  let threads = 0;
  const count = () => void (threads += 1);
  process.on('worker', count);
  t.teardown(() => void process.off('worker', count));
  let [looks, isAway] = [0, true];
  const read: Reader = {
    ...api.store.read,
    get db() {
      looks += 1;
      if (isAway) throw new Error('the database is away');
      return api.store.read.db;
    },
  };
  const lines: string[] = [];
  const log = (values: object, message: string) => void lines.push(`${message} ${JSON.stringify(values)}`);
  const mail = join(folder, 'mail');
  const options = {
    config: loadConfig(
      {
        DATABASE_URL: api.url,
        POSTGRES_ALLOW_UNSAFE: 'true',
        MAIL_FOLDER: mail,
        MAILING_JOURNAL: join(folder, 'mailings.log'),
      },
      false,
    ),
    read,
    locales: loadLocales(),
    rootKey: ROOT_KEY,
    logger: { debug: log, info: log, warn: log, error: log, isLevelEnabled: () => true },
    turn,
    onFailure: (error: unknown) => void t.fail(String(error)),
  };
  const failing = startMailings(options);
  await until(() => lines.length > 0, 'that it could not look');
  t.match(lines.splice(0), [/^mailings cannot be sent/]);
  await failing.stop();

  isAway = false;
  looks = 0;
  const mailings = startMailings(options);
  await until(() => looks > 4, 'that it has looked twice');
  t.equal(threads, 0, 'there is nothing to send');
  const people = [{ email: 'one@example.org' }];
  const { mailingKey } = await runningMailing(api.store, key, people);
  await until(async () => (await stateOf(api.store, mailingKey)).state === 'done', 'that it is sent', {
    withinMs: 90_000,
  });
  t.equal(threads, 1);
  t.ok(existsSync(mail) && readdirSync(mail).length > 0, 'one mail is in the folder');
  await mailings.stop();
  t.same(lines, []);
});
